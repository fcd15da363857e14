/* SPDX-License-Identifier: Apache-2.0 */
/* Who may connect: enrolled/ROLE/NAME.pub in memory, found by key and by name. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/keys.h"

#define SUFFIX ".pub"

struct entry {
    enum key_role role;
    char name[SENSOR_NAME_MAX];
    uint8_t public_key[KEY_BYTES];
    uint8_t sign_public[KEY_BYTES]; /* of a reader */
    bool ambiguous;
};

struct enrolled {
    struct entry *by_name; /* owned; by role, then name */
    struct entry **by_key; /* owned; pointers into by_name */
    size_t count;
    size_t left_out;
    struct error complaints[ENROLLED_COMPLAINTS_MAX];
};

/* Where the next complaint is to be written; NULL: there are enough. It counts either way. */
static struct error *next_complaint(struct enrolled *enrolled)
{
    size_t at = enrolled->left_out++;
    return at < ENROLLED_COMPLAINTS_MAX ? &enrolled->complaints[at] : NULL;
}

static int compare_names(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->role != y->role ? (x->role < y->role ? -1 : 1) : strcmp(x->name, y->name);
}

static int compare_keys(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    return memcmp((*x)->public_key, (*y)->public_key, KEY_BYTES);
}

/* RESULT_REJECT: the file is none, and the sentence says why. */
static enum result read_entry(enum key_role role, const char *path, const char *file_name, struct entry *ret_entry,
                              struct error *err)
{
    struct keys keys;
    enum result r = keys_read_public(path, &keys, err);
    if (r != RESULT_OK)
        return r;
    size_t stem = strlen(file_name) - strlen(SUFFIX);
    if (keys.role != role || strlen(keys.name) != stem || memcmp(keys.name, file_name, stem) != 0)
        return error_set(err, RESULT_REJECT, "%s is the key of %s %s; a key lies in enrolled/ROLE/NAME" SUFFIX, path,
                         key_role_name(keys.role), keys.name);
    struct entry entry = {.role = role};
    memcpy(entry.name, keys.name, sizeof(entry.name));
    memcpy(entry.sign_public, keys.sign_public, sizeof(entry.sign_public));
    if (!key_decode(keys.public_key, entry.public_key))
        return error_set(err, RESULT_REJECT, "%s: no key", path);
    *ret_entry = entry;
    return RESULT_OK;
}

static enum result add_file(struct enrolled *enrolled, enum key_role role, const char *path, const char *file_name,
                            struct error *err)
{
    struct entry entry;
    struct error why;
    enum result r = read_entry(role, path, file_name, &entry, &why);
    if (r == RESULT_OK && enrolled->count == ENROLLED_MAX)
        r = error_set(&why, RESULT_REJECT, "%s: more than %u keys are enrolled", path, ENROLLED_MAX);
    if (r == RESULT_REJECT) {
        text_clean(why.text); /* it quotes what lies in the folder */
        (void)error_set(next_complaint(enrolled), r, "%.400s; until it is right or removed it opens nothing", why.text);
        return RESULT_OK;
    }
    if (r != RESULT_OK)
        return error_set(err, r, "%s", why.text);
    struct entry *grown = realloc(enrolled->by_name, (enrolled->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    enrolled->by_name = grown;
    grown[enrolled->count++] = entry;
    return RESULT_OK;
}

static bool has_suffix(const char *name)
{
    size_t length = strlen(name);
    return name[0] != '.' && length > strlen(SUFFIX) && strcmp(name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static enum result read_role(struct enrolled *enrolled, const char *directory, enum key_role role, struct error *err)
{
    char path[PATH_MAX], file[PATH_MAX];
    snprintf(path, sizeof(path), "%s/enrolled/%s", directory, key_role_name(role));
    DIR *folder = opendir(path);
    if (folder == NULL && errno == ENOENT)
        return RESULT_OK; /* nobody of this role yet */
    if (folder == NULL)
        return error_set(err, RESULT_REJECT, "%s: %s", path, strerror(errno));
    enum result r = RESULT_OK;
    for (struct dirent *found; r == RESULT_OK && (found = readdir(folder)) != NULL;) {
        if (!has_suffix(found->d_name))
            continue;
        if ((size_t)snprintf(file, sizeof(file), "%s/%s", path, found->d_name) >= sizeof(file))
            r = error_set(err, RESULT_REJECT, "%s: the path is too long", path);
        else
            r = add_file(enrolled, role, file, found->d_name, err);
    }
    closedir(folder);
    return r;
}

static enum result make_indices(struct enrolled *enrolled, struct error *err)
{
    enrolled->by_key = calloc(enrolled->count + 1, sizeof(*enrolled->by_key));
    if (enrolled->by_key == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    for (size_t i = 0; i < enrolled->count; i++)
        enrolled->by_key[i] = &enrolled->by_name[i];
    qsort(enrolled->by_key, enrolled->count, sizeof(*enrolled->by_key), compare_keys);
    return RESULT_OK;
}

static struct entry *find_name(const struct enrolled *enrolled, enum key_role role, const char *name)
{
    struct entry wanted = {.role = role};
    if (strlen(name) >= sizeof(wanted.name) || enrolled->count == 0)
        return NULL;
    strcpy(wanted.name, name);
    return bsearch(&wanted, enrolled->by_name, enrolled->count, sizeof(*enrolled->by_name), compare_names);
}

/* One key under two names: whose is it? */
static void find_shared_keys(struct enrolled *enrolled)
{
    for (size_t i = 1; i < enrolled->count; i++) {
        struct entry *a = enrolled->by_key[i - 1], *b = enrolled->by_key[i];
        if (memcmp(a->public_key, b->public_key, KEY_BYTES) != 0)
            continue;
        (void)error_set(next_complaint(enrolled), RESULT_REJECT,
                        "%s %s and %s %s are enrolled with one and the same key, and neither is let in: remove one",
                        key_role_name(a->role), a->name, key_role_name(b->role), b->name);
        a->ambiguous = b->ambiguous = true;
    }
}

/* Batches are named after who speaks: of two that speak under one name, one would pass for the other. */
static void find_shared_names(struct enrolled *enrolled)
{
    for (size_t i = 0; i < enrolled->count; i++) {
        struct entry *entry = &enrolled->by_name[i], *other;
        for (unsigned role = entry->role + 1u; key_role_speaks(entry->role) && role < KEY_ROLE_COUNT; role++) {
            if (!key_role_speaks((enum key_role)role) ||
                (other = find_name(enrolled, (enum key_role)role, entry->name)) == NULL)
                continue;
            (void)error_set(
                next_complaint(enrolled), RESULT_REJECT,
                "%s is enrolled as %s and as %s, and neither is let in: who speaks needs a name of its own; "
                "revoke one",
                entry->name, key_role_name(entry->role), key_role_name((enum key_role)role));
            entry->ambiguous = other->ambiguous = true;
        }
    }
}

/* Sorts what was read, leaves out whoever cannot be told from another, and makes both ways to find the rest. */
static enum result settle(struct enrolled *enrolled, struct error *err)
{
    size_t kept = 0;
    if (enrolled->count > 0)
        qsort(enrolled->by_name, enrolled->count, sizeof(*enrolled->by_name), compare_names);
    enum result r = make_indices(enrolled, err);
    if (r != RESULT_OK)
        return r;
    find_shared_keys(enrolled);
    find_shared_names(enrolled);
    for (size_t i = 0; i < enrolled->count; i++) {
        if (!enrolled->by_name[i].ambiguous)
            enrolled->by_name[kept++] = enrolled->by_name[i];
    }
    enrolled->count = kept;
    free(enrolled->by_key);
    return make_indices(enrolled, err);
}

enum result enrolled_read(const char *directory, struct enrolled **ret_enrolled, struct error *err)
{
    struct stat st;
    if (stat(directory, &st) != 0)
        return error_set(err, RESULT_REJECT, "keys directory %s: %s", directory, strerror(errno));
    struct enrolled *enrolled = calloc(1, sizeof(*enrolled));
    if (enrolled == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    enum result r = RESULT_OK;
    for (int role = KEY_ROLE_SENSOR; r == RESULT_OK && role < KEY_ROLE_COUNT; role++)
        r = read_role(enrolled, directory, (enum key_role)role, err);
    if (r == RESULT_OK)
        r = settle(enrolled, err);
    if (r == RESULT_OK)
        *ret_enrolled = enrolled;
    else
        enrolled_destroy(&enrolled);
    return r;
}

void enrolled_destroy(struct enrolled **enrolled)
{
    if (*enrolled == NULL)
        return;
    free((*enrolled)->by_name);
    free((*enrolled)->by_key);
    free(*enrolled);
    *enrolled = NULL;
}

size_t enrolled_count(const struct enrolled *enrolled, enum key_role role)
{
    size_t count = 0;
    for (size_t i = 0; i < enrolled->count; i++)
        count += enrolled->by_name[i].role == role;
    return count;
}

size_t enrolled_left_out(const struct enrolled *enrolled)
{
    return enrolled->left_out;
}

const char *enrolled_complaint(const struct enrolled *enrolled, size_t index)
{
    return index < enrolled->left_out && index < ENROLLED_COMPLAINTS_MAX ? enrolled->complaints[index].text : NULL;
}

bool enrolled_at(const struct enrolled *enrolled, size_t index, enum key_role *ret_role, const char **ret_name,
                 uint8_t ret_public_key[static KEY_BYTES])
{
    if (index >= enrolled->count)
        return false;
    const struct entry *entry = &enrolled->by_name[index];
    *ret_role = entry->role;
    *ret_name = entry->name;
    memcpy(ret_public_key, entry->public_key, KEY_BYTES);
    return true;
}

bool enrolled_find(const struct enrolled *enrolled, const uint8_t public_key[static KEY_BYTES], enum key_role *ret_role,
                   const char **ret_name)
{
    struct entry wanted;
    memcpy(wanted.public_key, public_key, KEY_BYTES);
    const struct entry *key = &wanted;
    struct entry **found = bsearch(&key, enrolled->by_key, enrolled->count, sizeof(*enrolled->by_key), compare_keys);
    if (found == NULL)
        return false;
    *ret_role = (*found)->role;
    *ret_name = (*found)->name;
    return true;
}

bool enrolled_has(const struct enrolled *enrolled, enum key_role role, const char *name)
{
    return find_name(enrolled, role, name) != NULL;
}

bool enrolled_sign_key(const struct enrolled *enrolled, const char *reader, uint8_t ret_key[static KEY_BYTES])
{
    const struct entry *entry = find_name(enrolled, KEY_ROLE_READER, reader);
    if (entry != NULL)
        memcpy(ret_key, entry->sign_public, KEY_BYTES);
    return entry != NULL;
}

static enum result public_path(const char *directory, enum key_role role, const char *name, char path[static PATH_MAX],
                               struct error *err)
{
    if (snprintf(path, PATH_MAX, "%s/enrolled/%s/%s" SUFFIX, directory, key_role_name(role), name) >= PATH_MAX)
        return error_set(err, RESULT_REJECT, "%s: the path is too long", directory);
    return RESULT_OK;
}

/* Is the name free among those that speak? */
static enum result check_name_free(const char *directory, const struct keys *keys, struct error *err)
{
    char path[PATH_MAX];
    for (unsigned role = 0; key_role_speaks(keys->role) && role < KEY_ROLE_COUNT; role++) {
        if (!key_role_speaks((enum key_role)role) || role == keys->role)
            continue;
        enum result r = public_path(directory, (enum key_role)role, keys->name, path, err);
        if (r != RESULT_OK)
            return r;
        if (access(path, F_OK) == 0)
            return error_set(err, RESULT_REJECT,
                             "%s is enrolled as %s already, and batches are named after who speaks: take another name, "
                             "or remove %s first",
                             keys->name, key_role_name((enum key_role)role), path);
    }
    return RESULT_OK;
}

enum result enrolled_add(const char *directory, const struct keys *keys, struct error *err)
{
    char path[PATH_MAX];
    enum result r = check_name_free(directory, keys, err);
    if (r != RESULT_OK)
        return r;
    snprintf(path, sizeof(path), "%s/enrolled", directory);
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return error_set(err, RESULT_FATAL, "%s: %s", path, strerror(errno));
    snprintf(path, sizeof(path), "%s/enrolled/%s", directory, key_role_name(keys->role));
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return error_set(err, RESULT_FATAL, "%s: %s", path, strerror(errno));
    r = public_path(directory, keys->role, keys->name, path, err);
    return r == RESULT_OK ? keys_write_public(path, keys, err) : r;
}
