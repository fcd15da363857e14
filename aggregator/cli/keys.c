/* SPDX-License-Identifier: Apache-2.0 */
/* pavo keys make | rotate | enrol | show. */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/cli/cli.h"
#include "common/keys.h"
#include "common/nearest.h"

#define KEYS_DIRECTORY    "/etc/pavo/keys"
#define FINGERPRINT_BYTES 16
#define FINGERPRINT_SIZE  (FINGERPRINT_BYTES / 2 * 5) /* groups of four digits, colons, NUL */

struct keys_options {
    char *directory, *output; /* owned */
    bool json;
};

static const char *directory_of(const struct keys_options *o)
{
    return o->directory == NULL ? KEYS_DIRECTORY : o->directory;
}

/* What a key of each role opens; the aggregator's own is made by `make`. */
static const char *const role_help[KEY_ROLE_COUNT] = {
    [KEY_ROLE_SENSOR] = "sends flows it sees itself, translations, losses, its status",
    [KEY_ROLE_COLLECTOR] = "sends what a sensor sends, and flows of its exporters, named NAME/EXPORTER",
    [KEY_ROLE_WITNESS] = "sends translations it knows of (a NAT's log), losses, its status",
    [KEY_ROLE_DETECTOR] = "sends alerts, losses, its status",
    [KEY_ROLE_READER] = "subscribes and asks",
    [KEY_ROLE_GATEWAY] = "asks in the name of readers that let it (pavo sign)",
    [KEY_ROLE_RELAY] = "can be enrolled; no door lets it in yet",
};

/* "sensor: sends ...", a line a role. */
#define ROLES_TEXT_MAX 1024
static const char *roles_text(char text[static ROLES_TEXT_MAX])
{
    size_t used = 0;
    text[0] = '\0';
    for (int role = 0; role < KEY_ROLE_COUNT && used < ROLES_TEXT_MAX; role++) {
        if (role_help[role] != NULL)
            used += (size_t)snprintf(text + used, ROLES_TEXT_MAX - used, "\n%s: %s", key_role_name((enum key_role)role),
                                     role_help[role]);
    }
    return text;
}

/* "sensor, reader ...". */
static const char *roles_list(char text[static ROLES_TEXT_MAX])
{
    size_t used = 0;
    for (int role = 0; role < KEY_ROLE_COUNT && used < ROLES_TEXT_MAX; role++) {
        if (role_help[role] != NULL)
            used += (size_t)snprintf(text + used, ROLES_TEXT_MAX - used, "%s%s", used == 0 ? "" : ", ",
                                     key_role_name((enum key_role)role));
    }
    return text;
}

static enum result aggregator_path(const struct keys_options *o, char path[static PATH_MAX], struct error *err)
{
    if (snprintf(path, PATH_MAX, "%s/" KEYS_AGGREGATOR_FILE, directory_of(o)) >= PATH_MAX)
        return error_set(err, RESULT_REJECT, "the path of the directory is too long");
    return RESULT_OK;
}

static struct option_spec directory_spec(struct keys_options *o)
{
    return (struct option_spec){.name = "dir",
                                .letter = 'd',
                                .kind = OPTION_STRING,
                                .target = &o->directory,
                                .argument = "DIR",
                                .help = "where the aggregator's keys lie (default " KEYS_DIRECTORY ")"};
}

/* ---- make */

/* The directory and the empty enrolled/ in it. */
static enum result make_directories(const char *directory, struct error *err)
{
    char path[PATH_MAX];
    if (mkdir(directory, 0755) != 0 && errno != EEXIST)
        return error_set(err, RESULT_REJECT, "%s: %s", directory, strerror(errno));
    snprintf(path, sizeof(path), "%s/enrolled", directory);
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return error_set(err, RESULT_REJECT, "%s: %s", path, strerror(errno));
    return RESULT_OK;
}

static int run_make(struct keys_options *o, int argc, char **argv)
{
    const struct option_spec specs[] = {directory_spec(o), {0}};
    const struct options options = {
        .program = "pavo keys make",
        .usage = "[--dir DIR]",
        .about = "Makes the aggregator's own key, DIR/aggregator.key, and DIR/enrolled/ for the keys that may connect. "
                 "Never overwrites a key. The digest key in it is the campus-wide one: every sensor gets a copy.",
        .examples = "pavo keys make --dir /etc/pavo/keys",
        .specs = specs};
    struct error err;
    struct stat st;
    char path[PATH_MAX];
    int first, code = cli_parse(&options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (first < argc)
        return cli_fail(CLI_USAGE, "make takes no argument '%s'", argv[first]);
    struct keys keys;
    enum result r = aggregator_path(o, path, &err);
    if (r == RESULT_OK)
        r = make_directories(directory_of(o), &err);
    if (r == RESULT_OK)
        r = keys_make_aggregator(&keys, &err);
    if (r == RESULT_OK) {
        r = keys_write(path, &keys, &err);
        keys_clear(&keys);
    }
    /* Root makes it, and the directory's owner is to read it. */
    if (r == RESULT_OK && geteuid() == 0 && stat(directory_of(o), &st) == 0 && chown(path, st.st_uid, st.st_gid) != 0)
        r = error_set(&err, RESULT_REJECT, "%s: %s", path, strerror(errno));
    if (r != RESULT_OK)
        return cli_fail(CLI_UNREACHABLE, "%s", err.text);
    printf("made %s\nnext: pavo keys enrol sensor NAME --dir %s\n", path, directory_of(o));
    return CLI_ANSWERED;
}

/* ---- rotate */

/* The old file under its new name, then the new one: whoever is stopped between the two has both or can begin anew. */
static enum result rotate(const struct keys_options *o, char line[static KEY_TEXT_SIZE], struct error *err)
{
    char path[PATH_MAX], old_path[PATH_MAX];
    struct keys old, keys;
    struct stat st;
    enum result r = aggregator_path(o, path, err);
    if (r == RESULT_OK)
        r = keys_read(path, &old, err);
    if (r != RESULT_OK)
        return r;
    snprintf(old_path, sizeof(old_path), "%s/" KEYS_OLD_FILE, directory_of(o));
    r = keys_rotate(&old, &keys, err);
    if (r == RESULT_OK)
        r = keys_write(old_path, &old, err);
    if (r == RESULT_OK && (r = keys_replace(path, &keys, err)) != RESULT_OK)
        unlink(old_path);
    if (r == RESULT_OK && geteuid() == 0 && stat(directory_of(o), &st) == 0 &&
        (chown(path, st.st_uid, st.st_gid) != 0 || chown(old_path, st.st_uid, st.st_gid) != 0))
        r = error_set(err, RESULT_REJECT, "%s: %s", path, strerror(errno));
    if (r == RESULT_OK)
        key_encode(keys.seal_public, line);
    keys_clear(&old);
    keys_clear(&keys);
    return r;
}

static int run_rotate(struct keys_options *o, int argc, char **argv)
{
    const struct option_spec specs[] = {directory_spec(o), {0}};
    const struct options options = {
        .program = "pavo keys rotate",
        .usage = "[--dir DIR]",
        .about = "Makes a new sealing pair for DIR/aggregator.key. The one before stays in DIR/aggregator.key.old, and "
                 "the aggregator takes batches sealed to either while that file lies there. So no batch is lost: "
                 "rotate, reload the aggregator, put the line this prints into every key file of those that speak and "
                 "start them again, then remove aggregator.key.old and reload once more. The key that connections are "
                 "made with and the digest key stay.",
        .examples = "pavo keys rotate --dir /etc/pavo/keys",
        .specs = specs};
    struct error err;
    char line[KEY_TEXT_SIZE];
    int first, code = cli_parse(&options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (first < argc)
        return cli_fail(CLI_USAGE, "rotate takes no argument '%s'", argv[first]);
    if (rotate(o, line, &err) != RESULT_OK)
        return cli_fail(CLI_UNREACHABLE, "%s", err.text);
    printf("seal = %s\n"
           "next: systemctl reload pavo-aggregator; then put this line into the key file of every sensor, collector, "
           "witness and detector in place of its seal line and start it again; when all have it, remove %s/%s and "
           "reload once more\n",
           line, directory_of(o), KEYS_OLD_FILE);
    return CLI_ANSWERED;
}

/* ---- enrol */

static enum result read_aggregator(const struct keys_options *o, struct keys *ret_keys, struct error *err)
{
    char path[PATH_MAX];
    struct keys keys;
    enum result r = aggregator_path(o, path, err);
    if (r == RESULT_OK)
        r = keys_read(path, &keys, err);
    if (r != RESULT_OK)
        return r;
    if (keys.role == KEY_ROLE_AGGREGATOR)
        *ret_keys = keys;
    else
        r = error_set(err, RESULT_REJECT, "%s is the key of a %s", path, key_role_name(keys.role));
    keys_clear(&keys);
    return r;
}

/* RESULT_REJECT: the name or the file is taken. */
static enum result enrol(const struct keys_options *o, const struct keys *aggregator, enum key_role role,
                         const char *name, const char *output, struct error *err)
{
    struct keys keys;
    enum result r = keys_make(aggregator, role, name, &keys, err);
    if (r != RESULT_OK)
        return r;
    r = keys_write(output, &keys, err);
    if (r == RESULT_OK) {
        r = enrolled_add(directory_of(o), &keys, err);
        if (r != RESULT_OK)
            unlink(output); /* a key that opens nothing */
    }
    keys_clear(&keys);
    return r;
}

static int run_enrol(struct keys_options *o, int argc, char **argv)
{
    const struct option_spec specs[] = {directory_spec(o),
                                        {.name = "output",
                                         .letter = 'o',
                                         .kind = OPTION_STRING,
                                         .target = &o->output,
                                         .argument = "FILE",
                                         .help = "where the new key goes (default NAME.key)"},
                                        {0}};
    char roles[ROLES_TEXT_MAX], about[ROLES_TEXT_MAX + 512];
    snprintf(about, sizeof(about),
             "Makes the key of one that is to connect, writes it to FILE (mode 0600), and enrols its public half as "
             "DIR/enrolled/ROLE/NAME.pub. Carry FILE to its machine by a safe way and remove it here. The aggregator "
             "takes note on SIGHUP. Revoking is removing NAME.pub and SIGHUP.\n\nRoles:%s",
             roles_text(roles));
    const struct options options = {.program = "pavo keys enrol",
                                    .usage = "ROLE NAME [--dir DIR] [--output FILE]",
                                    .about = about,
                                    .examples =
                                        "pavo keys enrol sensor inner --output inner.key\npavo keys enrol reader alice",
                                    .specs = specs};
    struct error err;
    enum key_role role;
    char output[PATH_MAX];
    int first, code = cli_parse(&options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (argc - first != 2)
        return cli_fail(CLI_USAGE, "enrol needs ROLE and NAME: pavo keys enrol sensor inner");
    const char *name = argv[first + 1];
    if (key_role_parse(argv[first], &role) != RESULT_OK || role == KEY_ROLE_AGGREGATOR)
        return cli_fail(CLI_USAGE, "'%s' is no role; write one of %s", argv[first], roles_list(roles));
    if (!sensor_name_valid(name))
        return cli_fail(CLI_USAGE, "'%s' is no name (1 to 63 of A-Z a-z 0-9 - _ .)", name);
    snprintf(output, sizeof(output), o->output == NULL ? "%s.key" : "%s", o->output == NULL ? name : o->output);
    struct keys aggregator;
    if (read_aggregator(o, &aggregator, &err) != RESULT_OK)
        return cli_fail(CLI_UNREACHABLE, "%s", err.text);
    enum result r = enrol(o, &aggregator, role, name, output, &err);
    keys_clear(&aggregator);
    if (r != RESULT_OK)
        return cli_fail(r == RESULT_REJECT ? CLI_USAGE : CLI_UNREACHABLE, "%s", err.text);
    printf("wrote %s, the key of %s %s, and enrolled its public half\n"
           "next: carry it to its machine, and let the aggregator reread its keys (systemctl reload pavo-aggregator)\n",
           output, key_role_name(role), name);
    return CLI_ANSWERED;
}

/* ---- show */

/* BLAKE2b-128 of a key, for people to compare. Of a secret one it gives nothing away: the key has 256 random bits. */
static const char *fingerprint(const uint8_t key[static KEY_BYTES], char text[static FINGERPRINT_SIZE])
{
    uint8_t hash[FINGERPRINT_BYTES];
    char *at = text;
    crypto_generichash(hash, sizeof(hash), key, KEY_BYTES, NULL, 0);
    for (unsigned i = 0; i < FINGERPRINT_BYTES; i += 2)
        at += sprintf(at, "%s%02x%02x", i == 0 ? "" : ":", hash[i], hash[i + 1]);
    return text;
}

static const char *text_fingerprint(const char *z85, char text[static FINGERPRINT_SIZE])
{
    uint8_t key[KEY_BYTES];
    return key_decode(z85, key) ? fingerprint(key, text) : "";
}

/* "label" of an object or of a line. */
static void show_item(bool json, const char *label, const char *value, bool first)
{
    if (json) /* no value here holds a quote or backslash: names and Z85 have none */
        printf("%s\"%s\":\"%s\"", first ? "{" : ",", label, value);
    else
        printf("%-22s %s\n", label, value);
}

static void show_keys(const struct keys *keys, bool json)
{
    char print[FINGERPRINT_SIZE];
    show_item(json, "role", key_role_name(keys->role), true);
    show_item(json, "name", keys->name, false);
    show_item(json, "public", keys->public_key, false);
    show_item(json, "fingerprint", text_fingerprint(keys->public_key, print), false);
    if (keys->aggregator[0] != '\0')
        show_item(json, "aggregator_fingerprint", text_fingerprint(keys->aggregator, print), false);
    if (keys->has_seal)
        show_item(json, "seal_fingerprint", fingerprint(keys->seal_public, print), false);
    if (keys->has_digest)
        show_item(json, "digest_fingerprint", fingerprint(keys->digest, print), false);
    if (json)
        puts("}");
}

static int show_file(const char *path, bool json)
{
    struct keys keys;
    struct error err;
    if (keys_read(path, &keys, &err) != RESULT_OK)
        return cli_fail(CLI_UNREACHABLE, "%s", err.text);
    show_keys(&keys, json);
    keys_clear(&keys);
    return CLI_ANSWERED;
}

static int show_directory(const struct keys_options *o)
{
    char path[PATH_MAX], print[FINGERPRINT_SIZE], text[KEY_TEXT_SIZE];
    struct enrolled *enrolled = NULL;
    struct keys aggregator;
    struct error err;
    enum result r = aggregator_path(o, path, &err);
    if (r == RESULT_OK)
        r = keys_read(path, &aggregator, &err);
    if (r == RESULT_OK)
        r = enrolled_read(directory_of(o), &enrolled, &err);
    if (r != RESULT_OK)
        return cli_fail(CLI_UNREACHABLE, "%s", err.text);
    show_keys(&aggregator, o->json);
    keys_clear(&aggregator);
    for (size_t i = 0; enrolled_complaint(enrolled, i) != NULL; i++)
        fprintf(stderr, "pavo: not let in: %s\n", enrolled_complaint(enrolled, i));
    enum key_role role;
    const char *name;
    uint8_t key[KEY_BYTES];
    for (size_t i = 0; enrolled_at(enrolled, i, &role, &name, key); i++) {
        key_encode(key, text);
        if (i == 0 && !o->json)
            printf("\n%-9s %-24s %-40s %s\n", "ROLE", "NAME", "PUBLIC", "FINGERPRINT");
        if (o->json)
            printf("{\"role\":\"%s\",\"name\":\"%s\",\"public\":\"%s\",\"fingerprint\":\"%s\"}\n", key_role_name(role),
                   name, text, fingerprint(key, print));
        else
            printf("%-9s %-24s %-40s %s\n", key_role_name(role), name, text, fingerprint(key, print));
    }
    enrolled_destroy(&enrolled);
    return CLI_ANSWERED;
}

static int run_show(struct keys_options *o, int argc, char **argv)
{
    const struct option_spec specs[] = {
        {.name = "dir",
         .letter = 'd',
         .kind = OPTION_STRING,
         .target = &o->directory,
         .argument = "DIR",
         .help = "show the aggregator's key in DIR and all that are enrolled there"},
        {.name = "json", .letter = 'j', .kind = OPTION_FLAG, .target = &o->json, .help = "one JSON object a line"},
        {0}};
    const struct options options = {
        .program = "pavo keys show",
        .usage = "FILE... | --dir DIR",
        .about = "Shows role, name, public key and fingerprints; never a secret. Sensors of one campus show the same "
                 "aggregator, seal and digest fingerprints.",
        .examples = "pavo keys show inner.key\npavo keys show --dir /etc/pavo/keys",
        .specs = specs};
    int first, code = cli_parse(&options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (first == argc && o->directory == NULL)
        return cli_fail(CLI_USAGE, "show needs a FILE or --dir DIR");
    code = o->directory != NULL ? show_directory(o) : CLI_ANSWERED;
    for (int i = first; i < argc && code == CLI_ANSWERED; i++)
        code = show_file(argv[i], o->json);
    return code;
}

/* ---- which of them */

static const struct {
    const char *name;
    const char *summary;
    int (*run)(struct keys_options *options, int argc, char **argv);
} actions[] = {
    {"make", "make the aggregator's own key", run_make},
    {"rotate", "change the key that batches are sealed to", run_rotate},
    {"enrol", "make the key of a sensor, reader ..., and let it in", run_enrol},
    {"show", "whose a key file is, or who is enrolled; never a secret", run_show},
};
#define ACTIONS (sizeof(actions) / sizeof(*actions))

static void print_help(void)
{
    printf("Usage: pavo keys ACTION [options]\n\n");
    for (size_t i = 0; i < ACTIONS; i++)
        printf("  %-8s %s\n", actions[i].name, actions[i].summary);
    printf("\npavo keys ACTION --help tells more.\n\nExamples:\n"
           "  pavo keys make --dir " KEYS_DIRECTORY "\n"
           "  pavo keys enrol sensor inner --dir " KEYS_DIRECTORY " --output inner.key\n"
           "  pavo keys show inner.key\n");
}

int cli_keys(struct cli *cli, int argc, char **argv)
{
    struct keys_options o = {.json = cli != NULL && cli->json};
    struct nearest nearest = {.word = argc > 1 ? argv[1] : ""};
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_help();
        return CLI_ANSWERED;
    }
    for (size_t i = 0; argc > 1 && i < ACTIONS; i++) {
        nearest_try(&nearest, actions[i].name);
        if (strcmp(actions[i].name, argv[1]) != 0)
            continue;
        int code = actions[i].run(&o, argc - 1, argv + 1);
        free(o.directory);
        free(o.output);
        return code;
    }
    if (argc > 1 && nearest.name != NULL)
        return cli_fail(CLI_USAGE, "'%s' is no action; did you mean '%s'?", argv[1], nearest.name);
    return cli_fail(CLI_USAGE, "%s%s%s; write make, rotate, enrol or show (pavo keys --help)",
                    argc > 1 ? "'" : "an action is missing", argc > 1 ? argv[1] : "", argc > 1 ? "' is no action" : "");
}
