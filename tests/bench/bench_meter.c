/* SPDX-License-Identifier: Apache-2.0 */
/* bench_meter: decode and meter on packets that are already in memory.
 *
 *   bench_meter decode|meter|rows|encode FILE [RUNS]
 *
 *   decode   decoding alone
 *   meter    and the flow table; records are made and thrown away
 *   rows     and records into column batches
 *   encode   and the batches into protobuf messages: all that the capture thread and the encoder do, but for zlib,
 *            sealing and sending
 *
 * Prints one JSON object: packets, records, bytes encoded, and the seconds of each of RUNS runs (5), each with a
 * meter of its own. */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/records/flow.h"
#include "common/records/wire.h"
#include "sensor/decode/decode.h"
#include "sensor/meter/meter.h"

#define BLOCK      64 /* packets decoded before they are metered */
#define BATCH_ROWS 8192
#define RUNS_MAX   100

enum mode { MODE_DECODE, MODE_METER, MODE_ROWS, MODE_ENCODE, MODE_COUNT };
static const char *const mode_names[MODE_COUNT] = {"decode", "meter", "rows", "encode"};

struct capture {
    struct packet *packets;
    uint8_t *bytes;
    size_t count;
};

struct encoder {
    enum mode mode;
    struct flow_batch *batch;
    uint8_t *message;
    size_t message_capacity;
    uint64_t records, message_bytes;
};

struct result_of_run {
    uint64_t packets, records, message_bytes;
    double seconds;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_meter: %s\n", what);
    exit(1);
}

/* Two passes: how much there is, then all of it. */
static struct capture capture_load(const char *file)
{
    struct capture capture = {0};
    size_t bytes = 0;
    for (int pass = 0; pass < 2; pass++) {
        char message[PCAP_ERRBUF_SIZE];
        pcap_t *pcap = pcap_open_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, message);
        if (!pcap)
            die(message);
        uint16_t link_type = (uint16_t)pcap_datalink(pcap); /* the numbers used here are the same in both worlds */
        struct pcap_pkthdr *header;
        const u_char *data;
        size_t count = 0, used = 0;
        while (pcap_next_ex(pcap, &header, &data) == 1) {
            if (pass) {
                memcpy(capture.bytes + used, data, header->caplen);
                capture.packets[count] = (struct packet){
                    .data = capture.bytes + used,
                    .captured = header->caplen,
                    .length = header->len < header->caplen ? header->caplen : header->len,
                    .time_ns = (int64_t)header->ts.tv_sec * 1000000000 + header->ts.tv_usec,
                    .link_type = link_type,
                };
            }
            count++;
            used += header->caplen;
        }
        pcap_close(pcap);
        if (pass)
            break;
        bytes = used;
        capture.count = count;
        capture.packets = calloc(count ? count : 1, sizeof *capture.packets);
        capture.bytes = malloc(bytes ? bytes : 1);
        if (!capture.packets || !capture.bytes)
            die("out of memory");
    }
    return capture;
}

static void encode(struct encoder *encoder)
{
    struct error err = {0};
    struct wire_view view;
    if (wire_view_init(&view, flow_records(encoder->batch), &err) != RESULT_OK)
        die("wire_view_init");
    size_t need = protobuf_c_message_get_packed_size(view.message);
    if (need > encoder->message_capacity) {
        free(encoder->message);
        encoder->message_capacity = need * 2;
        encoder->message = malloc(encoder->message_capacity);
        if (!encoder->message)
            die("out of memory");
    }
    encoder->message_bytes += protobuf_c_message_pack(view.message, encoder->message);
    wire_view_fini(&view);
}

static void encoder_finish(struct encoder *encoder)
{
    if (encoder->mode == MODE_ENCODE && encoder->batch->rows)
        encode(encoder);
    flow_batch_clear(encoder->batch);
}

static void emit(void *context, const struct flow *flow)
{
    struct encoder *encoder = context;
    encoder->records++;
    if (encoder->mode < MODE_ROWS)
        return;
    if (encoder->batch->rows == 0) {
        static const struct observer observer = {.sensor = "bench", .epoch = 1};
        uint16_t index;
        if (flow_batch_observer(encoder->batch, &observer, &index) != RESULT_OK)
            die("flow_batch_observer");
    }
    if (flow_batch_add(encoder->batch, flow) != RESULT_OK)
        die("flow_batch_add");
    if (encoder->batch->rows == BATCH_ROWS)
        encoder_finish(encoder);
}

static double seconds_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void run(const struct capture *capture, enum mode mode, struct result_of_run *ret_result)
{
    static const uint8_t digest_key[KEY_BYTES] = {1, 2, 3};
    static const struct decode_options decode_options = {0};
    struct encoder encoder = {.mode = mode, .batch = flow_batch_new(BATCH_ROWS)};
    struct meter_options options = meter_options_default();
    options.digest_key = digest_key;
    options.sink = (struct meter_sink){.emit = emit, .context = &encoder};
    struct meter *meter = NULL;
    struct error err = {0};
    if (!encoder.batch || meter_new(&options, &meter, &err) != RESULT_OK)
        die("out of memory");

    double start = seconds_now();
    uint64_t metered = 0;
    struct decoded block[BLOCK];
    for (size_t i = 0; i < capture->count;) {
        size_t used = 0;
        for (; used < BLOCK && i < capture->count; i++)
            if (decode(&decode_options, &capture->packets[i], &block[used]) == DECODE_METERED)
                used++;
        metered += used;
        if (mode != MODE_DECODE)
            meter_add(meter, block, used);
    }
    meter_flush(meter);
    encoder_finish(&encoder);
    *ret_result = (struct result_of_run){.packets = metered,
                                         .records = encoder.records,
                                         .message_bytes = encoder.message_bytes,
                                         .seconds = seconds_now() - start};

    meter_destroy(&meter);
    flow_batch_destroy(&encoder.batch);
    free(encoder.message);
}

int main(int argc, char **argv)
{
    enum mode mode = MODE_COUNT;
    for (enum mode m = 0; argc >= 3 && m < MODE_COUNT; m++)
        if (strcmp(argv[1], mode_names[m]) == 0)
            mode = m;
    int runs = argc == 4 ? atoi(argv[3]) : 5;
    if (argc > 4 || mode == MODE_COUNT || runs < 1 || runs > RUNS_MAX) {
        fprintf(stderr, "usage: bench_meter decode|meter|rows|encode FILE [RUNS]\n");
        return 2;
    }
    struct capture capture = capture_load(argv[2]);
    struct result_of_run results[RUNS_MAX];
    for (int i = 0; i < runs; i++)
        run(&capture, mode, &results[i]);
    printf("{\"packets\": %zu, \"metered\": %llu, \"records\": %llu, \"message_bytes\": %llu, \"seconds\": [",
           capture.count, (unsigned long long)results[0].packets, (unsigned long long)results[0].records,
           (unsigned long long)results[0].message_bytes);
    for (int i = 0; i < runs; i++)
        printf("%s%.6f", i ? ", " : "", results[i].seconds);
    printf("]}\n");
    free(capture.packets);
    free(capture.bytes);
    return 0;
}
