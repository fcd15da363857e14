/* SPDX-License-Identifier: Apache-2.0 */
/* Records of any kinds into one sealed batch, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/records/alert.h"
#include "common/records/flow.h"
#include "common/records/status.h"
#include "common/records/wire.h"
#include "common/speak/encode.h"

static const struct encode_name name = {"inner", 77, 5};
static const struct observer speaker = {.sensor = "inner", .epoch = 77};
static uint8_t seal_public[KEY_BYTES], seal_secret[KEY_BYTES];

static int setup(void **state)
{
    (void)state;
    crypto_box_keypair(seal_public, seal_secret);
    return 0;
}

static struct records *records_of(enum record_kind_number kind, uint32_t rows)
{
    uint16_t index;
    struct records *records = records_new(record_kinds[kind], rows);
    assert_non_null(records);
    assert_int_equal(records_observer(records, &speaker, &index), RESULT_OK);
    return records;
}

static struct records *flows(int64_t first, int64_t last)
{
    struct records *records = records_of(RECORD_FLOW, 1);
    assert_int_equal(records_add(records, &(struct flow){.flow = 1, .first_time = first, .last_time = last}),
                     RESULT_OK);
    return records;
}

static struct records *alerts(int64_t time, const char *text)
{
    struct records *records = records_of(RECORD_ALERT, 1);
    assert_int_equal(records_add(records, &(struct alert){.time = time, .text = text}), RESULT_OK);
    return records;
}

static struct held_batch *encode(struct records *const records[], size_t count, const struct losses *losses)
{
    struct held_batch *batch = NULL;
    struct error err = {""};
    if (encode_batch(&name, records, count, losses, seal_public, &batch, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    return batch;
}

/* What the aggregator finds in the frame. */
static Pavo__Batch *open_frame(const struct held_batch *batch)
{
    struct bytes plain;
    Pavo__FromSensor *from = pavo__from_sensor__unpack(NULL, batch->frame.length, batch->frame.data);
    assert_non_null(from);
    assert_int_equal(from->version, 1);
    assert_int_equal(from->body_case, PAVO__FROM_SENSOR__BODY_BATCH);
    const Pavo__SealedBatch *sealed = from->batch;
    assert_string_equal(sealed->sensor, "inner");
    assert_int_equal(sealed->epoch, 77);
    assert_int_equal(sealed->sequence, 5);
    assert_int_equal(
        unseal(sealed->sealed.data, sealed->sealed.len, sealed->size, seal_public, seal_secret, NULL, &plain, NULL),
        RESULT_OK);
    Pavo__Batch *message = pavo__batch__unpack(NULL, plain.length, plain.data);
    assert_non_null(message);
    assert_string_equal(message->sensor, "inner");
    assert_int_equal(message->epoch, 77);
    assert_int_equal(message->sequence, 5);
    bytes_free(&plain);
    pavo__from_sensor__free_unpacked(from, NULL);
    return message;
}

static struct records *read_kind(Pavo__Batch *message, enum record_kind_number kind)
{
    struct records *records;
    struct error err = {""};
    assert_non_null(*wire_member(&message->base, record_kinds[kind]));
    if (wire_read(record_kinds[kind], *wire_member(&message->base, record_kinds[kind]), &records, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    return records;
}

static void test_several_kinds_and_losses(void **state)
{
    (void)state;
    static struct losses losses = {
        .items = {{.loss = LOSS_PACKETS_KERNEL, .from_time = 1, .to_time = 2, .count = 9, .interface = "eth0"}},
        .count = 1};
    struct records *all[] = {flows(500, 700), alerts(300, "many ports"), records_of(RECORD_BINDING, 1)};
    struct held_batch *batch = encode(all, 3, &losses);
    assert_int_equal(batch->sequence, 5);
    assert_int_equal(batch->records, 2);
    assert_int_equal(batch->from_time, 300);
    assert_int_equal(batch->to_time, 700);
    assert_int_equal(batch->loss_count, 1);
    assert_int_equal(batch->losses[0].count, 9);
    Pavo__Batch *message = open_frame(batch);
    struct records *read = read_kind(message, RECORD_FLOW);
    assert_int_equal(flow_batch_of(read)->first_time[0], 500);
    records_free(&read);
    read = read_kind(message, RECORD_ALERT);
    assert_string_equal(alert_columns(read)->text[0], "many ports");
    records_free(&read);
    read = read_kind(message, RECORD_LOSS);
    assert_string_equal(read->observers[loss_columns(read)->observer[0]].sensor, "inner");
    assert_int_equal(read->observers[0].epoch, 77);
    assert_string_equal(loss_columns(read)->interface[0], "eth0");
    records_free(&read);
    assert_null(message->bindings); /* there were none */
    assert_null(message->statuses);
    pavo__batch__free_unpacked(message, NULL);
    held_batch_destroy(&batch);
    for (size_t i = 0; i < 3; i++)
        records_free(&all[i]);
}

/* A status tells of the books, and is no part of them. */
static void test_statuses_are_not_counted(void **state)
{
    (void)state;
    struct records *status = records_of(RECORD_STATUS, 1);
    assert_int_equal(records_add(status, &(struct status){.time = 5}), RESULT_OK);
    struct held_batch *batch = encode(&status, 1, NULL);
    assert_int_equal(batch->records, 0);
    assert_int_equal(batch->loss_count, 0);
    held_batch_destroy(&batch);
    records_free(&status);
    batch = encode(NULL, 0, NULL); /* nothing to say: a name alone */
    held_batch_destroy(&batch);
}

/* One text that nobody takes, and the whole batch would be refused. */
static void test_texts_are_made_fit(void **state)
{
    (void)state;
    char text[2 * WIRE_TEXT_MAX];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text, "\xff\n\xe2\x80\xae", 5);           /* no UTF-8, a control, and one that turns the direction */
    memcpy(text + WIRE_TEXT_MAX - 1, "\xc3\xa9", 2); /* cut in two */
    struct records *records = alerts(1, text);
    struct held_batch *batch = encode(&records, 1, NULL);
    Pavo__Batch *message = open_frame(batch);
    struct records *read = read_kind(message, RECORD_ALERT);
    const char *told = alert_columns(read)->text[0];
    assert_int_equal(strlen(told), WIRE_TEXT_MAX);
    assert_memory_equal(told, "?????x", 6);
    assert_memory_equal(told + WIRE_TEXT_MAX - 2, "x?", 2);
    records_free(&read);
    pavo__batch__free_unpacked(message, NULL);
    held_batch_destroy(&batch);
    records_free(&records);
}

static void test_what_nobody_would_take_is_refused(void **state)
{
    (void)state;
    struct error err = {""};
    struct held_batch *batch = NULL;
    struct records *twice[] = {flows(1, 2), flows(3, 4)};
    assert_int_equal(encode_batch(&name, twice, 2, NULL, seal_public, &batch, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "two sets of flows"));
    records_free(&twice[0]);
    records_free(&twice[1]);
    struct records *many = records_of(RECORD_ALERT, RECORDS_ROWS_MAX + 1);
    for (uint32_t i = 0; i <= RECORDS_ROWS_MAX; i++)
        assert_int_equal(records_add(many, &(struct alert){.time = i}), RESULT_OK);
    assert_int_equal(encode_batch(&name, &many, 1, NULL, seal_public, &batch, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "65537 alerts"));
    assert_null(batch);
    struct pending_loss loss = encode_loss(many, err.text);
    assert_int_equal(loss.loss, LOSS_RECORDS_SPOOL);
    assert_int_equal(loss.count, RECORDS_ROWS_MAX + 1);
    assert_int_equal(loss.from_time, 0);
    assert_int_equal(loss.to_time, RECORDS_ROWS_MAX);
    records_free(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_several_kinds_and_losses, setup),
        cmocka_unit_test_setup(test_statuses_are_not_counted, setup),
        cmocka_unit_test_setup(test_texts_are_made_fit, setup),
        cmocka_unit_test_setup(test_what_nobody_would_take_is_refused, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
