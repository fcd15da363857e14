/* SPDX-License-Identifier: Apache-2.0 */
/* Key files and the list of the enrolled. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/keys.h"

static char directory[64];
static struct keys aggregator, sensor;

static int setup(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/pavo-test-keys-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(keys_make_aggregator(&aggregator, NULL), RESULT_OK);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_SENSOR, "inner", &sensor, NULL), RESULT_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

static char *in_directory(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, 0600);
}

static void test_written_is_read(void **state)
{
    (void)state;
    const struct keys *made[] = {&aggregator, &sensor};
    struct keys reader, read;
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_READER, "analyst", &reader, NULL), RESULT_OK);
    assert_false(reader.has_seal || reader.has_digest);
    const char *paths[] = {"a.key", "s.key"};
    for (int i = 0; i < 2; i++) {
        struct error err = {""};
        struct stat st;
        char *path = in_directory(paths[i]);
        assert_int_equal(keys_write(path, made[i], &err), RESULT_OK);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        memset(&read, 0xff, sizeof(read));
        if (keys_read(path, &read, &err) != RESULT_OK)
            fail_msg("%s", err.text);
        assert_memory_equal(&read, made[i], sizeof(read));
    }
    assert_int_equal(keys_write(in_directory("r.key"), &reader, NULL), RESULT_OK);
    assert_int_equal(keys_read(in_directory("r.key"), &read, NULL), RESULT_OK);
    assert_memory_equal(&read, &reader, sizeof(read)); /* the signing key follows from the secret one */
    assert_string_equal(read.aggregator, aggregator.public_key);
    assert_memory_equal(sensor.seal_public, aggregator.seal_public, KEY_BYTES);
    assert_memory_equal(sensor.digest, aggregator.digest, KEY_BYTES);
    assert_false(sensor.has_seal_secret);
}

/* Who may speak can seal, who may speak of packets has the key of their digests, and a key file holds no more. */
static void test_each_role_has_what_it_needs(void **state)
{
    (void)state;
    static const struct {
        enum key_role role;
        bool seal, digest, sign;
        bool doors[DOOR_COUNT];
    } wanted[] = {
        {KEY_ROLE_SENSOR, true, true, false, {[DOOR_INTAKE] = true}},
        {KEY_ROLE_COLLECTOR, true, true, false, {[DOOR_INTAKE] = true}},
        {KEY_ROLE_WITNESS, true, false, false, {[DOOR_INTAKE] = true}},
        {KEY_ROLE_DETECTOR, true, false, false, {[DOOR_INTAKE] = true}},
        {KEY_ROLE_READER, false, false, true, {[DOOR_PUBLISH] = true, [DOOR_ANSWER] = true}},
        {KEY_ROLE_GATEWAY, false, false, false, {[DOOR_ANSWER] = true}},
        {KEY_ROLE_RELAY, false, false, false, {false}},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        struct keys made, read;
        struct error err;
        const char *name = key_role_name(wanted[i].role);
        enum key_role role = KEY_ROLE_COUNT;
        assert_int_equal(key_role_parse(name, &role), RESULT_OK);
        assert_int_equal(role, wanted[i].role);
        assert_int_equal(keys_make(&aggregator, role, name, &made, NULL), RESULT_OK);
        assert_int_equal(made.has_seal, wanted[i].seal);
        assert_int_equal(made.has_digest, wanted[i].digest);
        assert_int_equal(made.has_sign, wanted[i].sign);
        assert_false(made.has_seal_secret);
        assert_int_equal(keys_write(in_directory(name), &made, NULL), RESULT_OK);
        if (keys_read(in_directory(name), &read, &err) != RESULT_OK)
            fail_msg("%s: %s", name, err.text);
        assert_memory_equal(&read, &made, sizeof(read));
        assert_int_equal(key_role_speaks(role), wanted[i].doors[DOOR_INTAKE]);
        for (unsigned door = 0; door < DOOR_COUNT; door++)
            assert_int_equal(key_role_may_enter(role, (enum key_door)door), wanted[i].doors[door]);
    }
    assert_false(key_role_may_enter(KEY_ROLE_AGGREGATOR, DOOR_INTAKE));
    enum key_role role;
    enum key_door door = DOOR_COUNT;
    assert_int_equal(key_role_parse("sensors", &role), RESULT_REJECT);
    assert_int_equal(key_door_parse("sensor", &door), RESULT_REJECT);
    assert_int_equal(door, DOOR_COUNT);
    assert_int_equal(key_door_parse("answer", &door), RESULT_OK);
    assert_int_equal(door, DOOR_ANSWER);
}

static void test_never_overwrites(void **state)
{
    (void)state;
    struct error err = {""};
    struct keys read;
    char *path = in_directory("a.key");
    assert_int_equal(keys_write(path, &aggregator, &err), RESULT_OK);
    assert_int_equal(keys_write(path, &sensor, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "never overwritten"));
    assert_int_equal(keys_read(path, &read, &err), RESULT_OK);
    assert_int_equal(read.role, KEY_ROLE_AGGREGATOR);
    assert_int_equal(keys_write(in_directory("no/such/place.key"), &sensor, &err), RESULT_FATAL);
}

static void test_open_to_others_is_refused(void **state)
{
    (void)state;
    char *path = in_directory("a.key");
    assert_int_equal(keys_write(path, &aggregator, NULL), RESULT_OK);
    static const unsigned modes[] = {0640, 0604, 0660, 0610};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct error err = {""};
        struct keys read;
        char way_out[300];
        chmod(path, modes[i]);
        assert_int_equal(keys_read(path, &read, &err), RESULT_REJECT);
        snprintf(way_out, sizeof(way_out), "run: chmod 600 %s", path);
        assert_non_null(strstr(err.text, way_out));
    }
    chmod(path, 0400);
    struct keys read;
    assert_int_equal(keys_read(path, &read, NULL), RESULT_OK);
}

/* The text of a sensor's key file with `from` replaced by `to`. */
static char *altered(const char *from, const char *to)
{
    static char text[4096], result[8192];
    char *path = in_directory("alter.key");
    unlink(path);
    assert_int_equal(keys_write(path, &sensor, NULL), RESULT_OK);
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(result, sizeof(result), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return result;
}

static void test_bad_files(void **state)
{
    (void)state;
    struct keys other;
    char line[128];
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_SENSOR, "other", &other, NULL), RESULT_OK);
    snprintf(line, sizeof(line), "%s", other.secret_key);
    const struct {
        const char *from, *to, *complaint;
    } bad[] = {
        {"role = sensor", "role = sensr", "is none of aggregator, sensor, reader, relay, collector"},
        {"role = sensor", "role = reader", "a key of this role holds no 'seal'"},
        {"role = sensor", "role = aggregator", "'seal-secret = ...' is missing"},
        {"role = sensor\n", "", "the line 'role = ...' is missing"},
        {"name = inner", "name = ../inner", "is no name"},
        {"name = inner\n", "name = inner\nname = outer\n", "name stands here twice"},
        {"digest = ", "digest = x", "x:"},
        {"digest = ", "digset = ", "meant is perhaps digest"},
        {"[pavo-key]", "[pavo]", "this is no Pavo key"},
        {sensor.secret_key, line, "public and secret do not belong together"},
        {sensor.secret_key, "short", "secret: not a key of 40 Z85 characters"},
        {sensor.secret_key, "????????????????????????????????????????~", "not a key of 40 Z85 characters"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {""};
        struct keys read = {.name = "untouched"};
        char *text = altered(bad[i].from, bad[i].to);
        assert_int_equal(keys_parse("x", text, strlen(text), &read, &err), RESULT_REJECT);
        if (strstr(err.text, bad[i].complaint) == NULL)
            fail_msg("%zu: %s", i, err.text);
        assert_null(strstr(err.text, line)); /* no complaint repeats a secret */
        assert_string_equal(read.name, "untouched");
    }
    struct error err = {""};
    struct keys read;
    assert_int_equal(keys_read(directory, &read, &err), RESULT_REJECT);
    assert_int_equal(keys_read(in_directory("none.key"), &read, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "No such file"));
}

static void test_bad_names_get_no_keys(void **state)
{
    (void)state;
    struct keys made;
    static const char *const bad[] = {
        "", ".x", "a/b", "a b", "../x", "\n", "0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(keys_make(&aggregator, KEY_ROLE_SENSOR, bad[i], &made, NULL), RESULT_REJECT);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_AGGREGATOR, "x", &made, NULL), RESULT_REJECT);
}

static void test_clear_wipes(void **state)
{
    (void)state;
    struct keys keys = sensor;
    static const struct keys zero;
    keys_clear(&keys);
    assert_memory_equal(&keys, &zero, sizeof(keys));
}

static void assert_left_out(const struct enrolled *enrolled, size_t count, const char *complaint)
{
    assert_int_equal(enrolled_left_out(enrolled), count);
    if (strstr(enrolled_complaint(enrolled, 0), complaint) == NULL)
        fail_msg("%s", enrolled_complaint(enrolled, 0));
}

static void test_enrolled(void **state)
{
    (void)state;
    struct error err = {""};
    struct enrolled *enrolled = NULL;
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    assert_int_equal(enrolled_count(enrolled, KEY_ROLE_SENSOR), 0);
    uint8_t key[KEY_BYTES];
    enum key_role role;
    const char *name;
    assert_true(key_decode(sensor.public_key, key));
    assert_false(enrolled_find(enrolled, key, &role, &name));
    assert_false(enrolled_has(enrolled, KEY_ROLE_SENSOR, "inner"));
    enrolled_destroy(&enrolled);

    struct keys made[20];
    for (int i = 0; i < 20; i++) {
        char text[16];
        snprintf(text, sizeof(text), "s%d", i);
        assert_int_equal(keys_make(&aggregator, i % 2 ? KEY_ROLE_SENSOR : KEY_ROLE_READER, text, &made[i], NULL),
                         RESULT_OK);
        assert_int_equal(enrolled_add(directory, &made[i], &err), RESULT_OK);
    }
    assert_int_equal(enrolled_add(directory, &made[3], &err), RESULT_REJECT); /* the name is taken */
    write_text(in_directory("enrolled/sensor/.hidden.pub"), "garbage");
    write_text(in_directory("enrolled/sensor/README"), "garbage");
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    assert_int_equal(enrolled_count(enrolled, KEY_ROLE_SENSOR), 10);
    assert_int_equal(enrolled_count(enrolled, KEY_ROLE_READER), 10);
    for (int i = 0; i < 20; i++) {
        assert_true(key_decode(made[i].public_key, key));
        assert_true(enrolled_find(enrolled, key, &role, &name));
        assert_int_equal(role, made[i].role);
        assert_string_equal(name, made[i].name);
        assert_true(enrolled_has(enrolled, role, name));
        assert_false(enrolled_has(enrolled, KEY_ROLE_RELAY, name));
    }
    enrolled_destroy(&enrolled);
    assert_null(enrolled);
    /* Revoked. */
    unlink(in_directory("enrolled/sensor/s1.pub"));
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    assert_true(key_decode(made[1].public_key, key));
    assert_false(enrolled_find(enrolled, key, &role, &name));
    assert_false(enrolled_has(enrolled, KEY_ROLE_SENSOR, "s1"));
    enrolled_destroy(&enrolled);
}

static void test_enrolled_holds_no_secret(void **state)
{
    (void)state;
    char text[2048];
    assert_int_equal(enrolled_add(directory, &sensor, NULL), RESULT_OK);
    FILE *file = fopen(in_directory("enrolled/sensor/inner.pub"), "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    assert_null(strstr(text, sensor.secret_key));
    assert_null(strstr(text, "digest"));
    assert_non_null(strstr(text, sensor.public_key));
    assert_null(strstr(text, "sign"));
}

static void test_enrolled_reader_has_its_signing_key(void **state)
{
    (void)state;
    struct keys reader;
    struct enrolled *enrolled = NULL;
    uint8_t key[KEY_BYTES] = {0};
    char text[2048], sign[KEY_TEXT_SIZE];
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_READER, "analyst", &reader, NULL), RESULT_OK);
    assert_int_equal(enrolled_add(directory, &reader, NULL), RESULT_OK);
    assert_int_equal(enrolled_read(directory, &enrolled, NULL), RESULT_OK);
    assert_true(enrolled_sign_key(enrolled, "analyst", key));
    assert_memory_equal(key, reader.sign_public, KEY_BYTES);
    assert_false(enrolled_sign_key(enrolled, "nobody", key));
    enrolled_destroy(&enrolled);
    /* Without its line the file is not whole. */
    FILE *file = fopen(in_directory("enrolled/reader/analyst.pub"), "r");
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    key_encode(reader.sign_public, sign);
    char *line = strstr(text, "sign = ");
    assert_non_null(line);
    assert_non_null(strstr(line, sign));
    *line = '\0';
    write_text(in_directory("enrolled/reader/analyst.pub"), text);
    struct error err = {""};
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    assert_left_out(enrolled, 1, "'sign = ...' is missing");
    assert_false(enrolled_has(enrolled, KEY_ROLE_READER, "analyst"));
    enrolled_destroy(&enrolled);
}

/* Batches are named after who speaks, so no two of those share a name; readers and gateways may. */
static void test_enrolled_speakers_have_names_of_their_own(void **state)
{
    (void)state;
    static const enum key_role others[] = {KEY_ROLE_COLLECTOR, KEY_ROLE_WITNESS, KEY_ROLE_DETECTOR};
    struct error err = {""};
    struct enrolled *enrolled = NULL;
    struct keys keys;
    assert_int_equal(enrolled_add(directory, &sensor, NULL), RESULT_OK);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(keys_make(&aggregator, others[i], "inner", &keys, NULL), RESULT_OK);
        assert_int_equal(enrolled_add(directory, &keys, &err), RESULT_REJECT);
        assert_non_null(strstr(err.text, "inner is enrolled as sensor already"));
    }
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_READER, "inner", &keys, NULL), RESULT_OK);
    assert_int_equal(enrolled_add(directory, &keys, NULL), RESULT_OK);
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    enrolled_destroy(&enrolled);
    /* Put there by hand. */
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_DETECTOR, "inner", &keys, NULL), RESULT_OK);
    assert_int_equal(mkdir(in_directory("enrolled/detector"), 0755), 0);
    assert_int_equal(keys_write_public(in_directory("enrolled/detector/inner.pub"), &keys, NULL), RESULT_OK);
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    assert_left_out(enrolled, 1, "inner is enrolled as sensor and as detector, and neither is let in");
    assert_false(enrolled_has(enrolled, KEY_ROLE_SENSOR, "inner") ||
                 enrolled_has(enrolled, KEY_ROLE_DETECTOR, "inner"));
    assert_true(enrolled_has(enrolled, KEY_ROLE_READER, "inner")); /* a reader says nothing */
    enrolled_destroy(&enrolled);
}

/* Security report, finding 8: one empty file made a reload change nothing, so that the revoked stayed. */
static void test_enrolled_leaves_out_what_is_wrong(void **state)
{
    (void)state;
    struct error err = {""};
    struct enrolled *enrolled = NULL;
    struct keys outer, twin;
    assert_int_equal(enrolled_read(in_directory("nowhere"), &enrolled, &err), RESULT_REJECT);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_SENSOR, "outer", &outer, NULL), RESULT_OK);
    assert_int_equal(enrolled_add(directory, &sensor, NULL), RESULT_OK);
    assert_int_equal(enrolled_add(directory, &outer, NULL), RESULT_OK);
    write_text(in_directory("enrolled/sensor/empty.pub"), "");
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    assert_left_out(enrolled, 1, "empty.pub: the line 'role = ...' is missing; until it is right or removed");
    assert_true(enrolled_has(enrolled, KEY_ROLE_SENSOR, "inner"));
    enrolled_destroy(&enrolled);
    unlink(in_directory("enrolled/sensor/inner.pub"));
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    assert_false(enrolled_has(enrolled, KEY_ROLE_SENSOR, "inner"));
    assert_true(enrolled_has(enrolled, KEY_ROLE_SENSOR, "outer"));
    enrolled_destroy(&enrolled);
    unlink(in_directory("enrolled/sensor/empty.pub"));

    /* The same key again under another name: neither, and the others stay. */
    twin = sensor;
    strcpy(twin.name, "twin");
    assert_int_equal(enrolled_add(directory, &sensor, NULL), RESULT_OK);
    assert_int_equal(enrolled_add(directory, &twin, NULL), RESULT_OK);
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    assert_left_out(enrolled, 1, "one and the same key, and neither is let in");
    assert_int_equal(enrolled_count(enrolled, KEY_ROLE_SENSOR), 1);
    enrolled_destroy(&enrolled);
    /* A file renamed. */
    char from[256];
    strcpy(from, in_directory("enrolled/sensor/twin.pub"));
    assert_int_equal(rename(from, in_directory("enrolled/sensor/triplet.pub")), 0);
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    assert_left_out(enrolled, 1, "is the key of sensor twin");
    assert_int_equal(enrolled_count(enrolled, KEY_ROLE_SENSOR), 2);
    enrolled_destroy(&enrolled);
    /* A secret key where a public one belongs; and what is no file, which nobody waits for. */
    unlink(in_directory("enrolled/sensor/triplet.pub"));
    strcpy(twin.name, "leak");
    assert_int_equal(keys_write(in_directory("enrolled/sensor/leak.pub"), &twin, NULL), RESULT_OK);
    assert_int_equal(mkfifo(in_directory("enrolled/sensor/pipe.pub"), 0600), 0);
    assert_int_equal(enrolled_read(directory, &enrolled, &err), RESULT_OK);
    assert_int_equal(enrolled_left_out(enrolled), 2);
    assert_int_equal(enrolled_count(enrolled, KEY_ROLE_SENSOR), 2);
    enrolled_destroy(&enrolled);
}

/* However many are wrong, the sentences are few, and all are counted; no terminal is commanded by a name. */
static void test_enrolled_complaints_are_bounded(void **state)
{
    (void)state;
    struct enrolled *enrolled = NULL;
    assert_int_equal(enrolled_add(directory, &sensor, NULL), RESULT_OK);
    for (int i = 0; i < 40; i++) {
        char name[64];
        snprintf(name, sizeof(name), "enrolled/sensor/\x1b[2J\xe2\x80\xae%d.pub", i);
        write_text(in_directory(name), "");
    }
    assert_int_equal(enrolled_read(directory, &enrolled, NULL), RESULT_OK);
    assert_int_equal(enrolled_left_out(enrolled), 40);
    for (size_t i = 0; i < ENROLLED_COMPLAINTS_MAX; i++)
        assert_true(text_is_clean(enrolled_complaint(enrolled, i), strlen(enrolled_complaint(enrolled, i))));
    assert_null(enrolled_complaint(enrolled, ENROLLED_COMPLAINTS_MAX));
    assert_true(enrolled_has(enrolled, KEY_ROLE_SENSOR, "inner"));
    enrolled_destroy(&enrolled);
}

/* Security report, findings 14 and 15: links were followed, owners not asked for, and a FIFO hung the program. */
static void test_only_plain_files_of_trusted_owners_are_keys(void **state)
{
    (void)state;
    struct error err = {""};
    struct keys read;
    char link_path[256];
    assert_int_equal(keys_write(in_directory("a.key"), &sensor, NULL), RESULT_OK);
    strcpy(link_path, in_directory("link.key"));
    assert_int_equal(symlink(in_directory("a.key"), link_path), 0);
    assert_int_equal(keys_read(link_path, &read, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "symbolic link"));
    assert_int_equal(mkfifo(in_directory("fifo.key"), 0600), 0);
    alarm(5);
    assert_int_equal(keys_read(in_directory("fifo.key"), &read, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "not a file"));
    assert_int_equal(keys_read("/dev/zero", &read, &err), RESULT_REJECT);
    alarm(0);
    if (geteuid() != 0)
        return; /* nobody else gives files away */
    assert_int_equal(chown(in_directory("a.key"), 12345, 12345), 0);
    assert_int_equal(keys_read(in_directory("a.key"), &read, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "belongs to user 12345"));
    assert_int_equal(chown(directory, 12345, 12345), 0); /* the folder's owner could put any file there */
    assert_int_equal(keys_read(in_directory("a.key"), &read, &err), RESULT_OK);
    assert_int_equal(chown(directory, 0, 0), 0);
}

static void *write_keys_over_and_over(void *context)
{
    for (int i = 0; i < 200; i++) {
        unlink(in_directory("enrolled/sensor/inner.pub"));
        (void)!enrolled_add(directory, &sensor, NULL);
    }
    *(atomic_bool *)context = true;
    return NULL;
}

/* Enrolling races with a reload: there is all of a file or none of it. */
static void test_no_half_of_a_file_is_read(void **state)
{
    (void)state;
    atomic_bool done = false;
    pthread_t thread;
    assert_int_equal(enrolled_add(directory, &sensor, NULL), RESULT_OK);
    assert_int_equal(pthread_create(&thread, NULL, write_keys_over_and_over, &done), 0);
    while (!atomic_load(&done)) {
        struct enrolled *enrolled = NULL;
        assert_int_equal(enrolled_read(directory, &enrolled, NULL), RESULT_OK);
        const char *complaint = enrolled_complaint(enrolled, 0);
        if (complaint != NULL && strstr(complaint, "No such file") == NULL)
            fail_msg("%s", complaint);
        enrolled_destroy(&enrolled);
    }
    pthread_join(thread, NULL);
}

static void test_rotated_keys_keep_who_it_is(void **state)
{
    (void)state;
    struct keys next;
    struct error err = {""};
    assert_int_equal(keys_rotate(&aggregator, &next, &err), RESULT_OK);
    assert_string_equal(next.public_key, aggregator.public_key);
    assert_memory_equal(next.digest, aggregator.digest, KEY_BYTES);
    assert_memory_not_equal(next.seal_public, aggregator.seal_public, KEY_BYTES);
    assert_int_equal(keys_write(in_directory("aggregator.key"), &aggregator, &err), RESULT_OK);
    assert_int_equal(keys_replace(in_directory("aggregator.key"), &next, &err), RESULT_OK);
    struct keys read;
    assert_int_equal(keys_read(in_directory("aggregator.key"), &read, &err), RESULT_OK); /* the pair fits */
    assert_memory_equal(&read, &next, sizeof(read));
    assert_int_equal(keys_rotate(&sensor, &next, &err), RESULT_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_role_has_what_it_needs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_never_overwrites, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_to_others_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_names_get_no_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clear_wipes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enrolled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enrolled_holds_no_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enrolled_reader_has_its_signing_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enrolled_speakers_have_names_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enrolled_leaves_out_what_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enrolled_complaints_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_plain_files_of_trusted_owners_are_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_half_of_a_file_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotated_keys_keep_who_it_is, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
