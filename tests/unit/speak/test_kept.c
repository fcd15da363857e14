/* SPDX-License-Identifier: Apache-2.0 */
/* What a life leaves is what the next one reads; what is damaged, another's or too much is told and not fatal. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/message.h"
#include "common/records/wire.h"
#include "common/speak/kept.h"
#include "pavo.pb-c.h"

#define EPOCH 77u

static char path[] = "/tmp/pavo-kept-XXXXXX";
static int directory = -1;
static struct keys aggregator, keys;
static char said[4][512];
static size_t said_count;

static void say(void *context, const char *sentence)
{
    (void)context;
    snprintf(said[said_count++ % 4], sizeof(said[0]), "%s", sentence);
}

static int setup(void **state)
{
    (void)state;
    struct error err = {""};
    strcpy(path, "/tmp/pavo-kept-XXXXXX");
    said_count = 0;
    assert_non_null(mkdtemp(path));
    assert_int_equal(keys_make_aggregator(&aggregator, &err), RESULT_OK);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_SENSOR, "inner", &keys, &err), RESULT_OK);
    if (kept_open(path, &directory, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char file[600];
    DIR *entries = opendir(path);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        unlink(file);
    }
    closedir(entries);
    close(directory);
    return rmdir(path);
}

static void add(struct held *held, uint64_t sequence, uint64_t records, size_t length)
{
    struct held_batch *batch = calloc(1, sizeof(*batch));
    *batch = (struct held_batch){.sequence = sequence,
                                 .loss_sequence = 1000 + sequence,
                                 .records = records,
                                 .from_time = -5,
                                 .to_time = 9,
                                 .ever_sent = sequence % 2,
                                 .loss_count = 1,
                                 .losses = calloc(1, sizeof(*batch->losses)),
                                 .frame = {malloc(length), length}};
    batch->losses[0] = (struct pending_loss){
        .loss = LOSS_PACKETS_KERNEL, .from_time = 1, .to_time = 2, .count = 3, .interface = "eth0", .reason = "why"};
    randombytes_buf(batch->frame.data, length);
    assert_int_equal(held_add(held, &batch), RESULT_OK);
}

/* Leaves `count` batches of 10 records. */
static void leave(uint64_t epoch, uint64_t count)
{
    struct error err = {""};
    struct held *held = held_new(UINT64_MAX, 1, 1);
    for (uint64_t i = 1; i <= count; i++)
        add(held, i, 10, 500);
    if (kept_write(directory, &keys, epoch, held, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    held_destroy(&held);
}

static size_t read_all(struct former *ret_formers[static KEPT_LIVES_MAX])
{
    return kept_read(directory, &keys, SESSION_PACE_DEFAULT, &(struct kept_say){say, NULL}, ret_formers);
}

static void destroy(struct former *formers[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        former_destroy(&formers[i]);
}

static bool exists(const char *name)
{
    return faccessat(directory, name, F_OK, 0) == 0;
}

static void test_what_is_left_is_read(void **state)
{
    (void)state;
    struct former *formers[KEPT_LIVES_MAX];
    struct held *held = held_new(UINT64_MAX, 1, 1);
    struct stat stat;
    add(held, 3, 10, 1000);
    add(held, 9, 0, 70000);
    assert_int_equal(kept_write(directory, &keys, EPOCH, held, NULL), RESULT_OK);
    assert_int_equal(fstatat(directory, "77.kept", &stat, 0), 0);
    assert_int_equal(stat.st_mode & 07777, 0600);
    assert_int_equal(read_all(formers), 1);
    assert_int_equal(formers[0]->epoch, EPOCH);
    assert_int_equal(held_count(formers[0]->held), 2);
    const struct held_batch *a = NULL, *b = NULL;
    while ((a = held_after(held, a)) != NULL) {
        b = held_after(formers[0]->held, b);
        assert_int_equal(a->sequence, b->sequence);
        assert_int_equal(a->loss_sequence, b->loss_sequence);
        assert_int_equal(a->records, b->records);
        assert_int_equal(a->from_time, b->from_time);
        assert_int_equal(a->to_time, b->to_time);
        assert_int_equal(a->ever_sent, b->ever_sent);
        assert_int_equal(b->loss_count, 1);
        assert_memory_equal(a->losses, b->losses, sizeof(*a->losses));
        assert_int_equal(a->frame.length, b->frame.length);
        assert_memory_equal(a->frame.data, b->frame.data, a->frame.length);
        assert_false(b->in_flight);
    }
    destroy(formers, 1);
    held_destroy(&held);
    assert_int_equal(said_count, 0);
    assert_true(exists("77.kept")); /* until all of it is acknowledged */
    kept_delete(directory, EPOCH);
    assert_int_equal(read_all(formers), 0);
}

static void test_oldest_first_and_nothing_else(void **state)
{
    (void)state;
    struct former *formers[KEPT_LIVES_MAX];
    leave(100, 1);
    leave(9, 1);
    leave(20, 0); /* nothing held: no file */
    assert_int_equal(close(openat(directory, "5.kept.new", O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(close(openat(directory, "notes.kept", O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(close(openat(directory, "007.kept", O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(read_all(formers), 2);
    assert_int_equal(formers[0]->epoch, 9);
    assert_int_equal(formers[1]->epoch, 100);
    destroy(formers, 2);
    assert_false(exists("5.kept.new")); /* a life that was killed while it wrote */
    assert_true(exists("notes.kept"));
    assert_false(exists("20.kept"));
}

static void change(const char *name, off_t at, int whence)
{
    uint8_t byte;
    int fd = openat(directory, name, O_RDWR);
    assert_true(fd >= 0);
    off_t where = lseek(fd, at, whence);
    assert_int_equal(read(fd, &byte, 1), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, where), 1);
    close(fd);
}

static void test_damaged_is_set_aside(void **state)
{
    (void)state;
    struct former *formers[KEPT_LIVES_MAX];
    for (uint64_t epoch = 1; epoch <= 5; epoch++)
        leave(epoch, 2);
    change("1.kept", 300, SEEK_SET);
    change("2.kept", -1, SEEK_END);
    int fd = openat(directory, "3.kept", O_RDWR);
    assert_int_equal(ftruncate(fd, 20), 0);
    close(fd);
    assert_int_equal(renameat(directory, "4.kept", directory, "44.kept"), 0); /* of another life than its name says */
    assert_int_equal(read_all(formers), 1);
    assert_int_equal(formers[0]->epoch, 5);
    destroy(formers, 1);
    assert_int_equal(said_count, 4);
    assert_non_null(strstr(said[0], "1.kept"));
    assert_non_null(strstr(said[0], "damaged"));
    assert_true(exists("1.kept.aside"));
    assert_true(exists("2.kept.aside"));
    assert_true(exists("3.kept.aside"));
    assert_true(exists("44.kept.aside"));
    assert_int_equal(read_all(formers), 1); /* and no word of them again */
    destroy(formers, 1);
    assert_int_equal(said_count, 4);
}

static void test_another_key_is_set_aside(void **state)
{
    (void)state;
    struct former *formers[KEPT_LIVES_MAX];
    leave(EPOCH, 2);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_SENSOR, "inner", &keys, NULL), RESULT_OK);
    assert_int_equal(read_all(formers), 0);
    assert_int_equal(said_count, 1);
    assert_non_null(strstr(said[0], "another key"));
    assert_true(exists("77.kept.aside"));
}

/* Every length of the contents: never more is read than there is, and no part passes for the whole. */
static void test_every_cut_is_refused(void **state)
{
    (void)state;
    struct former *former = NULL;
    leave(EPOCH, 2);
    static uint8_t bytes[4096];
    int fd = openat(directory, "77.kept", O_RDONLY);
    ssize_t length = read(fd, bytes, sizeof(bytes)) - (ssize_t)KEPT_DIGEST_SIZE;
    close(fd);
    assert_true(length > 1000);
    for (ssize_t cut = 0; cut < length; cut++) {
        uint8_t *exact = malloc((size_t)cut + (cut == 0));
        memcpy(exact, bytes, (size_t)cut);
        assert_int_equal(kept_parse(exact, (size_t)cut, &keys, EPOCH, SESSION_PACE_DEFAULT, &former, NULL),
                         RESULT_REJECT);
        assert_null(former);
        free(exact);
    }
    assert_int_equal(kept_parse(bytes, (size_t)length + 1, &keys, EPOCH, SESSION_PACE_DEFAULT, &former, NULL),
                     RESULT_REJECT);
    assert_int_equal(kept_parse(bytes, (size_t)length, &keys, EPOCH, SESSION_PACE_DEFAULT, &former, NULL), RESULT_OK);
    former_destroy(&former);
}

static void test_one_process_a_directory(void **state)
{
    (void)state;
    struct error err = {""};
    int second = -1;
    assert_int_equal(kept_open(path, &second, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "another process"));
    assert_int_equal(kept_open("/nowhere/at/all", &second, &err), RESULT_REJECT);
    assert_int_equal(second, -1);
}

static void test_what_cannot_be_written_leaves_what_was_there(void **state)
{
    (void)state;
    struct former *formers[KEPT_LIVES_MAX];
    struct error err = {""};
    struct held *held = held_new(UINT64_MAX, 1, 1);
    leave(EPOCH, 2);
    add(held, 1, 10, 100);
    assert_int_equal(mkdirat(directory, "77.kept.new", 0700), 0);
    assert_int_equal(kept_write(directory, &keys, EPOCH, held, &err), RESULT_FATAL);
    assert_non_null(strstr(err.text, "77.kept"));
    assert_int_equal(unlinkat(directory, "77.kept.new", AT_REMOVEDIR), 0);
    held_destroy(&held);
    assert_int_equal(read_all(formers), 1);
    assert_int_equal(held_count(formers[0]->held), 2);
    destroy(formers, 1);
}

/* The losses that a frame of `former` tells, whose name must be `sequence` in the life `epoch`. */
static struct records *told(const struct held_batch *batch, uint64_t epoch, uint64_t sequence)
{
    struct bytes plain;
    struct records *losses = NULL;
    Pavo__FromSensor *from = pavo__from_sensor__unpack(NULL, batch->frame.length, batch->frame.data);
    assert_non_null(from);
    assert_int_equal(from->batch->epoch, epoch);
    assert_int_equal(from->batch->sequence, sequence);
    assert_int_equal(unseal(from->batch->sealed.data, from->batch->sealed.len, from->batch->size,
                            aggregator.seal_public, aggregator.seal_secret, NULL, &plain, NULL),
                     RESULT_OK);
    Pavo__Batch *message = pavo__batch__unpack(NULL, plain.length, plain.data);
    assert_non_null(message);
    assert_int_equal(
        wire_read(record_kinds[RECORD_LOSS], *wire_member(&message->base, record_kinds[RECORD_LOSS]), &losses, NULL),
        RESULT_OK);
    pavo__batch__free_unpacked(message, NULL);
    pavo__from_sensor__free_unpacked(from, NULL);
    bytes_free(&plain);
    return losses;
}

static void test_too_much_becomes_a_loss_of_that_life(void **state)
{
    (void)state;
    struct former *formers[KEPT_LIVES_MAX];
    const struct former_speaker speaker = {"inner", keys.seal_public};
    leave(10, 3);
    leave(11, 3);
    assert_int_equal(read_all(formers), 2);
    uint64_t newer = held_bytes(formers[1]->held), both = held_bytes(formers[0]->held) + newer;
    assert_int_equal(formers_trim(formers, 2, &speaker, both), 0);
    assert_false(formers[0]->changed);
    assert_int_equal(formers_trim(formers, 2, &speaker, both - 1), 10); /* the oldest never sent */
    assert_true(formers[0]->changed);
    assert_int_equal(held_records(formers[0]->held), 20);
    assert_int_equal(held_records(formers[1]->held), 30);
    assert_int_equal(held_count(formers[0]->held), 3);
    struct held_batch *batch = held_remove(formers[0]->held, 1002);
    assert_non_null(batch);
    struct records *losses = told(batch, 10, 1002);
    assert_string_equal(losses->observers[0].sensor, "inner");
    assert_int_equal(losses->observers[0].epoch, 10);
    assert_int_equal(losses->rows, 2); /* what it told of, and its own records */
    assert_int_equal(loss_columns(losses)->count[0], 3);
    assert_int_equal(loss_columns(losses)->count[1], 10);
    assert_int_equal(loss_columns(losses)->loss[1], LOSS_RECORDS_SPOOL);
    assert_int_equal(loss_columns(losses)->sequence[1], 2);
    records_free(&losses);
    /* Refused itself, it is gone: there is no end otherwise. */
    assert_int_equal(former_give_up(formers[0], &speaker, &batch, LOSS_RECORDS_REJECTED, "no"), RESULT_OK);
    assert_null(batch);
    assert_int_equal(held_count(formers[0]->held), 2);
    destroy(formers, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_left_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oldest_first_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_is_set_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_key_is_set_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_cut_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_process_a_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_written_leaves_what_was_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_much_becomes_a_loss_of_that_life, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
