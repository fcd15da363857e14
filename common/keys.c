/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: made, read, checked and written. */
#include "common/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/nearest.h"
#include "common/settings.h"

#define KEY_SECTION  "pavo-key"
#define KEY_FILE_MAX 1024 /* bytes of a file as written here */

static const char *const role_names[KEY_ROLE_COUNT] = {
#define X(name, word) #word,
    KEY_ROLES(X)
#undef X
};

static const char *const door_names[DOOR_COUNT] = {
#define X(name, word) #word,
    KEY_DOORS(X)
#undef X
};

/* Which doors let a role in. A relay's are none yet. */
#define ENTERS(door) (1u << DOOR_##door)
static const unsigned role_doors[KEY_ROLE_COUNT] = {
    [KEY_ROLE_SENSOR] = ENTERS(INTAKE),
    [KEY_ROLE_COLLECTOR] = ENTERS(INTAKE),
    [KEY_ROLE_WITNESS] = ENTERS(INTAKE),
    [KEY_ROLE_DETECTOR] = ENTERS(INTAKE),
    [KEY_ROLE_READER] = ENTERS(PUBLISH) | ENTERS(ANSWER),
    [KEY_ROLE_GATEWAY] = ENTERS(ANSWER),
};

const char *key_role_name(enum key_role role)
{
    return role < KEY_ROLE_COUNT ? role_names[role] : "?";
}

enum result key_role_parse(const char *text, enum key_role *ret_role)
{
    for (int role = 0; role < KEY_ROLE_COUNT; role++) {
        if (strcmp(role_names[role], text) == 0) {
            *ret_role = (enum key_role)role;
            return RESULT_OK;
        }
    }
    return RESULT_REJECT;
}

const char *key_door_name(enum key_door door)
{
    return door < DOOR_COUNT ? door_names[door] : "?";
}

enum result key_door_parse(const char *text, enum key_door *ret_door)
{
    for (int door = 0; door < DOOR_COUNT; door++) {
        if (strcmp(door_names[door], text) == 0) {
            *ret_door = (enum key_door)door;
            return RESULT_OK;
        }
    }
    return RESULT_REJECT;
}

bool key_role_may_enter(enum key_role role, enum key_door door)
{
    return role < KEY_ROLE_COUNT && door < DOOR_COUNT && (role_doors[role] & 1u << door) != 0;
}

bool key_role_speaks(enum key_role role)
{
    return key_role_may_enter(role, DOOR_INTAKE);
}

bool key_decode(const char *text, uint8_t ret_key[static KEY_BYTES])
{
    uint8_t key[KEY_BYTES];
    if (strlen(text) != KEY_TEXT_SIZE - 1 || zmq_z85_decode(key, text) == NULL)
        return false;
    memcpy(ret_key, key, KEY_BYTES);
    sodium_memzero(key, sizeof(key));
    return true;
}

void key_encode(const uint8_t key[static KEY_BYTES], char ret_text[static KEY_TEXT_SIZE])
{
    zmq_z85_encode(ret_text, key, KEY_BYTES);
}

/* ---- the lines of a key file */

enum item {
    ITEM_ROLE,
    ITEM_NAME,
    ITEM_PUBLIC,
    ITEM_SECRET,
    ITEM_AGGREGATOR,
    ITEM_SEAL,
    ITEM_SEAL_SECRET,
    ITEM_DIGEST,
    ITEM_SIGN,
    ITEM_COUNT
};

static const char *const item_names[ITEM_COUNT] = {
    [ITEM_ROLE] = "role",
    [ITEM_NAME] = "name",
    [ITEM_PUBLIC] = "public",
    [ITEM_SECRET] = "secret",
    [ITEM_AGGREGATOR] = "aggregator",
    [ITEM_SEAL] = "seal",
    [ITEM_SEAL_SECRET] = "seal-secret",
    [ITEM_DIGEST] = "digest",
    [ITEM_SIGN] = "sign",
};

#define BIT(item)    (1u << ITEM_##item)
#define ITEMS_PUBLIC (BIT(ROLE) | BIT(NAME) | BIT(PUBLIC)) /* an enrolled/ROLE/NAME.pub; of a reader also SIGN */
#define ITEMS_CLIENT (ITEMS_PUBLIC | BIT(SECRET) | BIT(AGGREGATOR))

/* Exactly what the key file of each role holds: what it lacks is missed later, what it has beyond that has leaked. Who
 * speaks can seal; who may speak of packets has the key of their digests. */
static const unsigned role_items[KEY_ROLE_COUNT] = {
    [KEY_ROLE_AGGREGATOR] = ITEMS_PUBLIC | BIT(SECRET) | BIT(SEAL) | BIT(SEAL_SECRET) | BIT(DIGEST),
    [KEY_ROLE_SENSOR] = ITEMS_CLIENT | BIT(SEAL) | BIT(DIGEST),
    [KEY_ROLE_READER] = ITEMS_CLIENT,
    [KEY_ROLE_RELAY] = ITEMS_CLIENT,
    [KEY_ROLE_COLLECTOR] = ITEMS_CLIENT | BIT(SEAL) | BIT(DIGEST),
    [KEY_ROLE_WITNESS] = ITEMS_CLIENT | BIT(SEAL),
    [KEY_ROLE_DETECTOR] = ITEMS_CLIENT | BIT(SEAL),
    [KEY_ROLE_GATEWAY] = ITEMS_CLIENT,
};

static unsigned public_items(enum key_role role)
{
    return ITEMS_PUBLIC | (role == KEY_ROLE_READER ? BIT(SIGN) : 0);
}

/* "sensor, reader ...": what may stand for a role, `first` being the first of them. */
#define ROLES_TEXT_MAX 96
static const char *roles_text(enum key_role first, char text[static ROLES_TEXT_MAX])
{
    size_t length = 0;
    for (unsigned role = first; role < KEY_ROLE_COUNT; role++)
        length += (size_t)snprintf(text + length, ROLES_TEXT_MAX - length, "%s%s", role == first ? "" : ", ",
                                   role_names[role]);
    return text;
}

struct key_reading {
    struct keys *keys;
    unsigned seen; /* BIT(item) */
};

static enum result take_text_key(const char *value, char to[static KEY_TEXT_SIZE], struct error *err)
{
    uint8_t key[KEY_BYTES];
    if (!key_decode(value, key))
        return error_set(err, RESULT_REJECT, "not a key of 40 Z85 characters");
    sodium_memzero(key, sizeof(key));
    memcpy(to, value, KEY_TEXT_SIZE);
    return RESULT_OK;
}

static enum result take_raw_key(const char *value, uint8_t to[static KEY_BYTES], struct error *err)
{
    return key_decode(value, to) ? RESULT_OK : error_set(err, RESULT_REJECT, "not a key of 40 Z85 characters");
}

static enum result take_item(struct keys *keys, enum item item, const char *value, struct error *err)
{
    char roles[ROLES_TEXT_MAX];
    switch (item) {
    case ITEM_ROLE:
        return key_role_parse(value, &keys->role) == RESULT_OK
                   ? RESULT_OK
                   : error_set(err, RESULT_REJECT, "'%.32s' is none of %s", value,
                               roles_text(KEY_ROLE_AGGREGATOR, roles));
    case ITEM_NAME:
        if (!sensor_name_valid(value))
            return error_set(err, RESULT_REJECT, "'%.64s' is no name (1 to 63 of A-Z a-z 0-9 - _ .)", value);
        memcpy(keys->name, value, strlen(value) + 1);
        return RESULT_OK;
    case ITEM_PUBLIC:
        return take_text_key(value, keys->public_key, err);
    case ITEM_SECRET:
        return take_text_key(value, keys->secret_key, err);
    case ITEM_AGGREGATOR:
        return take_text_key(value, keys->aggregator, err);
    case ITEM_SEAL:
        keys->has_seal = true;
        return take_raw_key(value, keys->seal_public, err);
    case ITEM_SEAL_SECRET:
        keys->has_seal_secret = true;
        return take_raw_key(value, keys->seal_secret, err);
    case ITEM_DIGEST:
        keys->has_digest = true;
        return take_raw_key(value, keys->digest, err);
    case ITEM_SIGN:
        keys->has_sign = true;
        return take_raw_key(value, keys->sign_public, err);
    case ITEM_COUNT:
        break;
    }
    return error_set(err, RESULT_FATAL, "no such item");
}

static enum result key_line(void *context, const char *section, const char *key, const char *value, struct error *err)
{
    struct key_reading *reading = context;
    struct nearest nearest = {.word = key};
    if (strcmp(section, KEY_SECTION) != 0)
        return error_set(err, RESULT_REJECT, "not in section [" KEY_SECTION "]: this is no Pavo key");
    for (unsigned i = 0; i < ITEM_COUNT; i++) {
        nearest_try(&nearest, item_names[i]);
        if (strcmp(item_names[i], key) != 0)
            continue;
        if (reading->seen & 1u << i)
            return error_set(err, RESULT_REJECT, "%s stands here twice", key);
        reading->seen |= 1u << i;
        struct error why;
        enum result r = take_item(reading->keys, (enum item)i, value, &why);
        return r == RESULT_OK ? r : error_set(err, r, "%s: %s", key, why.text);
    }
    return error_set(err, RESULT_REJECT, "unknown key '%s'%s%s", key, nearest.name == NULL ? "" : "; meant is perhaps ",
                     nearest.name == NULL ? "" : nearest.name);
}

static enum result check_items(const char *name, unsigned seen, unsigned wanted, struct error *err)
{
    for (unsigned i = 0; i < ITEM_COUNT; i++) {
        if (wanted & ~seen & 1u << i)
            return error_set(err, RESULT_REJECT, "%s: the line '%s = ...' is missing", name, item_names[i]);
    }
    for (unsigned i = 0; i < ITEM_COUNT; i++) {
        if (seen & ~wanted & 1u << i)
            return error_set(err, RESULT_REJECT, "%s: a key of this role holds no '%s'; it should not be here", name,
                             item_names[i]);
    }
    return RESULT_OK;
}

/* Do the public halves follow from the secret ones? */
static enum result check_pairs(const char *name, const struct keys *keys, struct error *err)
{
    char public_text[KEY_TEXT_SIZE];
    uint8_t public_raw[KEY_BYTES];
    if (zmq_curve_public(public_text, keys->secret_key) != 0 || strcmp(public_text, keys->public_key) != 0)
        return error_set(err, RESULT_REJECT, "%s: public and secret do not belong together", name);
    if (keys->has_seal_secret && (crypto_scalarmult_base(public_raw, keys->seal_secret) != 0 ||
                                  memcmp(public_raw, keys->seal_public, KEY_BYTES) != 0))
        return error_set(err, RESULT_REJECT, "%s: seal and seal-secret do not belong together", name);
    return RESULT_OK;
}

enum result keys_sign_pair(const struct keys *keys, uint8_t ret_public[static KEY_BYTES],
                           uint8_t ret_secret[static KEY_SIGN_SECRET_BYTES], struct error *err)
{
    static const char purpose[] = "pavo reader signing 1";
    uint8_t secret[KEY_BYTES], seed[crypto_sign_SEEDBYTES];
    _Static_assert(crypto_sign_SECRETKEYBYTES == KEY_SIGN_SECRET_BYTES && crypto_sign_PUBLICKEYBYTES == KEY_BYTES,
                   "Ed25519 as libsodium has it");
    if (keys->role != KEY_ROLE_READER || !key_decode(keys->secret_key, secret))
        return error_set(err, RESULT_REJECT, "%s %s is no reader with its secret key: only a reader signs",
                         key_role_name(keys->role), keys->name);
    crypto_generichash(seed, sizeof(seed), (const uint8_t *)purpose, sizeof(purpose) - 1, secret, sizeof(secret));
    crypto_sign_seed_keypair(ret_public, ret_secret, seed);
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(seed, sizeof(seed));
    return RESULT_OK;
}

/* The public half of a reader's signing pair, which stands in no file of secrets. */
static enum result derive_sign(struct keys *keys, struct error *err)
{
    uint8_t secret[KEY_SIGN_SECRET_BYTES];
    if (keys->role != KEY_ROLE_READER)
        return RESULT_OK;
    enum result r = keys_sign_pair(keys, keys->sign_public, secret, err);
    keys->has_sign = r == RESULT_OK;
    sodium_memzero(secret, sizeof(secret));
    return r;
}

enum result keys_parse(const char *name, const char *text, size_t length, struct keys *ret_keys, struct error *err)
{
    struct keys keys = {0};
    struct key_reading reading = {.keys = &keys};
    if (sodium_init() < 0)
        return error_set(err, RESULT_FATAL, "libsodium does not start: no source of random numbers");
    enum result r = settings_parse(name, text, length, key_line, &reading, err);
    if (r == RESULT_OK)
        r = check_items(name, reading.seen, role_items[keys.role], err);
    if (r == RESULT_OK)
        r = check_pairs(name, &keys, err);
    if (r == RESULT_OK)
        r = derive_sign(&keys, err);
    if (r == RESULT_OK)
        *ret_keys = keys;
    keys_clear(&keys);
    return r;
}

/* ---- files */

/* The folder of a path, "." for one without. */
static void directory_of(const char *path, char directory[static PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(directory, PATH_MAX, ".");
    else
        snprintf(directory, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* Root, ourselves, or who owns the folder and could put any file there. */
static bool owner_is_trusted(const char *path, uid_t owner)
{
    char directory[PATH_MAX];
    struct stat st;
    directory_of(path, directory);
    return owner == 0 || owner == geteuid() || (stat(directory, &st) == 0 && owner == st.st_uid);
}

static enum result check_file(const char *path, const struct stat *st, unsigned forbidden, struct error *err)
{
    if (!S_ISREG(st->st_mode))
        return error_set(err, RESULT_REJECT, "key file %s: not a file", path);
    if (!owner_is_trusted(path, st->st_uid))
        return error_set(
            err, RESULT_REJECT,
            "key file %s belongs to user %u, neither to who reads it nor to root nor to the folder's owner: "
            "if it is the right file, run: chown root %s",
            path, (unsigned)st->st_uid, path);
    if ((st->st_mode & forbidden) != 0)
        return error_set(err, RESULT_REJECT, "key file %s is open to others (mode %04o); run: chmod %o %s", path,
                         st->st_mode & 07777u, 0666u & ~forbidden, path);
    return RESULT_OK;
}

/* Waits for nothing: a FIFO or a device is opened and refused. RESULT_FATAL: the process has no room to open it. */
static enum result open_checked(const char *path, unsigned forbidden, int *ret_fd, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    int cause = errno;
    if (fd < 0 && cause == ELOOP)
        return error_set(err, RESULT_REJECT,
                         "key file %s is a symbolic link, which is not followed: name the file itself", path);
    if (fd < 0)
        return error_set(
            err, cause == EMFILE || cause == ENFILE || cause == ENOMEM || cause == EIO ? RESULT_FATAL : RESULT_REJECT,
            "key file %s: %s", path, strerror(cause));
    enum result r = fstat(fd, &st) == 0 ? check_file(path, &st, forbidden, err)
                                        : error_set(err, RESULT_FATAL, "key file %s: %s", path, strerror(errno));
    if (r == RESULT_OK)
        *ret_fd = fd;
    else
        close(fd);
    return r;
}

enum result keys_read_public(const char *path, struct keys *ret_keys, struct error *err)
{
    struct keys keys = {0};
    struct key_reading reading = {.keys = &keys};
    int fd;
    enum result r = open_checked(path, 022, &fd, err);
    if (r != RESULT_OK)
        return r;
    r = settings_read(fd, path, key_line, &reading, err);
    close(fd);
    if (r == RESULT_OK)
        r = check_items(path, reading.seen, public_items(keys.role), err);
    if (r == RESULT_OK)
        *ret_keys = keys;
    keys_clear(&keys);
    return r;
}

enum result keys_read(const char *path, struct keys *ret_keys, struct error *err)
{
    char text[KEY_FILE_MAX * 4];
    int fd;
    enum result r = open_checked(path, 077, &fd, err);
    if (r != RESULT_OK)
        return r;
    ssize_t length = read(fd, text, sizeof(text));
    int cause = errno;
    close(fd);
    if (length < 0)
        r = error_set(err, RESULT_REJECT, "key file %s: %s", path, strerror(cause));
    else if (length == sizeof(text))
        r = error_set(err, RESULT_REJECT, "key file %s: too large to be one", path);
    else
        r = keys_parse(path, text, (size_t)length, ret_keys, err);
    sodium_memzero(text, sizeof(text));
    return r;
}

/* ---- new keys */

static enum result make_pair(struct keys *keys, struct error *err)
{
    if (sodium_init() < 0)
        return error_set(err, RESULT_FATAL, "libsodium does not start: no source of random numbers");
    if (zmq_curve_keypair(keys->public_key, keys->secret_key) != 0)
        return error_set(err, RESULT_FATAL, "libzmq was built without CURVE");
    return RESULT_OK;
}

enum result keys_make_aggregator(struct keys *ret_keys, struct error *err)
{
    struct keys keys = {.role = KEY_ROLE_AGGREGATOR, .name = "aggregator"};
    enum result r = make_pair(&keys, err);
    if (r != RESULT_OK)
        return r;
    crypto_box_keypair(keys.seal_public, keys.seal_secret);
    randombytes_buf(keys.digest, sizeof(keys.digest));
    keys.has_seal = keys.has_seal_secret = keys.has_digest = true;
    *ret_keys = keys;
    keys_clear(&keys);
    return RESULT_OK;
}

enum result keys_rotate(const struct keys *old, struct keys *ret_keys, struct error *err)
{
    if (sodium_init() < 0)
        return error_set(err, RESULT_FATAL, "libsodium does not start: no source of random numbers");
    if (old->role != KEY_ROLE_AGGREGATOR)
        return error_set(err, RESULT_REJECT,
                         "this is the key of a %s: only the aggregator's has a sealing pair to change",
                         key_role_name(old->role));
    *ret_keys = *old;
    crypto_box_keypair(ret_keys->seal_public, ret_keys->seal_secret);
    return RESULT_OK;
}

enum result keys_make(const struct keys *aggregator, enum key_role role, const char *name, struct keys *ret_keys,
                      struct error *err)
{
    struct keys keys = {.role = role};
    char roles[ROLES_TEXT_MAX];
    if (role == KEY_ROLE_AGGREGATOR || role >= KEY_ROLE_COUNT)
        return error_set(err, RESULT_REJECT, "the role must be one of %s", roles_text(KEY_ROLE_AGGREGATOR + 1, roles));
    if (!sensor_name_valid(name))
        return error_set(err, RESULT_REJECT, "'%.64s' is no name (1 to 63 of A-Z a-z 0-9 - _ .)", name);
    enum result r = make_pair(&keys, err);
    if (r != RESULT_OK)
        return r;
    memcpy(keys.name, name, strlen(name) + 1);
    memcpy(keys.aggregator, aggregator->public_key, KEY_TEXT_SIZE);
    keys.has_seal = (role_items[role] & BIT(SEAL)) != 0;
    keys.has_digest = (role_items[role] & BIT(DIGEST)) != 0;
    if (keys.has_seal)
        memcpy(keys.seal_public, aggregator->seal_public, KEY_BYTES);
    if (keys.has_digest)
        memcpy(keys.digest, aggregator->digest, KEY_BYTES);
    r = derive_sign(&keys, err);
    if (r == RESULT_OK)
        *ret_keys = keys;
    keys_clear(&keys);
    return r;
}

void keys_clear(struct keys *keys)
{
    sodium_memzero(keys, sizeof(*keys));
}

/* ---- writing */

/* What must last must be in its directory on disk, too. */
static int sync_directory_of(const char *path)
{
    char directory[PATH_MAX];
    directory_of(path, directory);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int r = fsync(fd);
    int cause = errno;
    close(fd);
    errno = cause;
    return r;
}

/* Whole and on disk, under a name that nobody reads keys from. */
static int write_aside(char *aside, unsigned mode, const char *text, size_t length)
{
    int fd = mkostemp(aside, O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t written = fchmod(fd, mode) == 0 ? write(fd, text, length) : -1;
    bool ok = written == (ssize_t)length && fsync(fd) == 0;
    int cause = written >= 0 && written < (ssize_t)length ? ENOSPC : errno;
    close(fd);
    if (!ok)
        unlink(aside);
    errno = cause;
    return ok ? 0 : -1;
}

/* Takes its name, which must be free. Where a file system cannot rename so, it can have a second name. */
static int rename_to_new(const char *aside, const char *path)
{
    int r = renameat2(AT_FDCWD, aside, AT_FDCWD, path, RENAME_NOREPLACE);
    if (r != 0 && errno == EINVAL && (r = link(aside, path)) == 0)
        unlink(aside);
    return r;
}

/* Written aside and then named: who reads the folder at any moment finds all of a file or nothing. */
static enum result write_file(const char *path, unsigned mode, const char *text, size_t length, bool replace,
                              struct error *err)
{
    char directory[PATH_MAX], aside[PATH_MAX];
    directory_of(path, directory);
    if (snprintf(aside, sizeof(aside), "%s/.pavo-XXXXXX", directory) >= PATH_MAX)
        return error_set(err, RESULT_REJECT, "%s: the path is too long", path);
    if (write_aside(aside, mode, text, length) != 0)
        return error_set(err, RESULT_FATAL, "%s: %s", path, strerror(errno));
    if ((replace ? rename(aside, path) : rename_to_new(aside, path)) != 0) {
        int cause = errno;
        unlink(aside);
        if (cause == EEXIST)
            return error_set(err, RESULT_REJECT, "%s exists and is never overwritten; move it away first", path);
        return error_set(err, RESULT_FATAL, "%s: %s", path, strerror(cause));
    }
    return sync_directory_of(path) == 0 ? RESULT_OK : error_set(err, RESULT_FATAL, "%s: %s", path, strerror(errno));
}

static enum result write_keys(const char *path, const struct keys *keys, bool replace, struct error *err)
{
    char text[KEY_FILE_MAX], raw[KEY_TEXT_SIZE];
    const char *role = key_role_name(keys->role);
    unsigned items = role_items[keys->role];
    int length = snprintf(text, sizeof(text),
                          "# Pavo key of %s %s. Secret: whoever has it is this %s.\n[" KEY_SECTION "]\n"
                          "role = %s\nname = %s\npublic = %s\nsecret = %s\n",
                          role, keys->name, role, role, keys->name, keys->public_key, keys->secret_key);
    if (items & BIT(AGGREGATOR))
        length += snprintf(text + length, sizeof(text) - (size_t)length, "aggregator = %s\n", keys->aggregator);
    const uint8_t *raws[ITEM_COUNT] = {
        [ITEM_SEAL] = keys->seal_public, [ITEM_SEAL_SECRET] = keys->seal_secret, [ITEM_DIGEST] = keys->digest};
    for (unsigned i = ITEM_SEAL; i <= ITEM_DIGEST; i++) {
        if (items & 1u << i) {
            key_encode(raws[i], raw);
            length += snprintf(text + length, sizeof(text) - (size_t)length, "%s = %s\n", item_names[i], raw);
        }
    }
    enum result r = write_file(path, 0600, text, (size_t)length, replace, err);
    sodium_memzero(text, sizeof(text));
    sodium_memzero(raw, sizeof(raw));
    return r;
}

enum result keys_write(const char *path, const struct keys *keys, struct error *err)
{
    return write_keys(path, keys, false, err);
}

enum result keys_replace(const char *path, const struct keys *keys, struct error *err)
{
    return write_keys(path, keys, true, err);
}

enum result keys_write_public(const char *path, const struct keys *keys, struct error *err)
{
    char text[KEY_FILE_MAX], sign[KEY_TEXT_SIZE];
    int length =
        snprintf(text, sizeof(text),
                 "# Public half of the key of %s %s. Removing this file revokes it.\n[" KEY_SECTION "]\n"
                 "role = %s\nname = %s\npublic = %s\n",
                 key_role_name(keys->role), keys->name, key_role_name(keys->role), keys->name, keys->public_key);
    if (public_items(keys->role) & BIT(SIGN)) {
        key_encode(keys->sign_public, sign);
        length += snprintf(text + length, sizeof(text) - (size_t)length, "sign = %s\n", sign);
    }
    return write_file(path, 0644, text, (size_t)length, false, err);
}
