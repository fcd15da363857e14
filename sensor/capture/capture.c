/* SPDX-License-Identifier: Apache-2.0 */
/* What captures have in common: dispatch, filters, link types. */
#include "sensor/capture/capture.h"

#include <stdio.h>

#include "sensor/capture/backend.h"

enum result capture_next(struct capture *capture, int wait_ms, struct packet packets[static CAPTURE_BATCH],
                         size_t *ret_count)
{
    return capture->ops->next(capture, wait_ms, packets, ret_count);
}

size_t capture_source_count(const struct capture *capture)
{
    return capture->ops->source_count(capture);
}

void capture_source_get(struct capture *capture, size_t number, struct capture_source *ret_source)
{
    capture->ops->source_get(capture, number, ret_source);
}

void capture_close(struct capture **capture)
{
    if (*capture != NULL)
        (*capture)->ops->close(*capture);
    *capture = NULL;
}

/* Where the numbers in files and libpcap's on Linux differ; the first that fits. */
static const struct {
    uint16_t link_type;
    int dlt;
} link_types[] = {{LINK_RAW, DLT_RAW}, {LINK_LOOP, DLT_LOOP}, {LINK_RAW_OPENBSD, DLT_RAW}};

int link_type_dlt(uint16_t link_type)
{
    for (size_t i = 0; i < sizeof(link_types) / sizeof(*link_types); i++) {
        if (link_types[i].link_type == link_type)
            return link_types[i].dlt;
    }
    return link_type;
}

uint16_t link_type_of_dlt(int dlt)
{
    for (size_t i = 0; i < sizeof(link_types) / sizeof(*link_types); i++) {
        if (link_types[i].dlt == dlt)
            return link_types[i].link_type;
    }
    return (uint16_t)dlt;
}

void link_type_name(uint16_t link_type, char *name, size_t size)
{
    const char *known = pcap_datalink_val_to_name(link_type_dlt(link_type));
    if (known != NULL)
        snprintf(name, size, "%s", known);
    else
        snprintf(name, size, "LINKTYPE_%u", link_type);
}

static enum result compile(const char *expression, uint16_t link_type, struct bpf_program *ret_program,
                           struct error *err)
{
    pcap_t *dead = pcap_open_dead(link_type_dlt(link_type), CAPTURE_SNAPLEN_MAX);
    if (dead == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    enum result result = RESULT_OK;
    if (pcap_compile(dead, ret_program, expression, 1, PCAP_NETMASK_UNKNOWN) != 0)
        result = error_set(err, RESULT_REJECT, "capture filter \"%s\": %s (see pcap-filter(7))", expression,
                           pcap_geterr(dead));
    pcap_close(dead);
    return result;
}

enum result filters_check(const char *expression, struct error *err)
{
    static const uint16_t tried[] = {LINK_ETHERNET, LINK_LINUX_SLL, LINK_LINUX_SLL2, LINK_RAW, LINK_NULL, LINK_PPP};
    struct bpf_program program;
    for (size_t i = 0; i < sizeof(tried) / sizeof(*tried); i++) {
        if (compile(expression, tried[i], &program, i == 0 ? err : NULL) == RESULT_OK) {
            pcap_freecode(&program);
            return RESULT_OK;
        }
    }
    return RESULT_REJECT;
}

bool filters_pass(struct filters *filters, const struct packet *packet)
{
    if (filters->expression == NULL)
        return true;
    unsigned i = 0;
    while (i < filters->count && filters->compiled[i].link_type != packet->link_type)
        i++;
    if (i == filters->count) {
        if (i == sizeof(filters->compiled) / sizeof(*filters->compiled))
            return false;
        filters->compiled[i].link_type = packet->link_type;
        filters->compiled[i].refused =
            compile(filters->expression, packet->link_type, &filters->compiled[i].program, NULL) != RESULT_OK;
        filters->has_refused = filters->compiled[i].refused;
        filters->refused = packet->link_type;
        filters->count++;
    }
    struct pcap_pkthdr header = {.caplen = packet->captured, .len = packet->length};
    return !filters->compiled[i].refused &&
           pcap_offline_filter(&filters->compiled[i].program, &header, packet->data) != 0;
}

void filters_fini(struct filters *filters)
{
    for (unsigned i = 0; i < filters->count; i++) {
        if (!filters->compiled[i].refused)
            pcap_freecode(&filters->compiled[i].program);
    }
    filters->count = 0;
}
