/* SPDX-License-Identifier: Apache-2.0 */
/* Inside capture: the two kinds of it. */
#ifndef PAVO_SENSOR_CAPTURE_BACKEND_H
#define PAVO_SENSOR_CAPTURE_BACKEND_H

#include <pcap/pcap.h>

#include "sensor/capture/capture.h"

struct capture_ops {
    enum result (*next)(struct capture *capture, int wait_ms, struct packet *packets, size_t *ret_count);
    size_t (*source_count)(const struct capture *capture);
    void (*source_get)(struct capture *capture, size_t number, struct capture_source *ret_source);
    void (*close)(struct capture *capture);
};

/* Begins each kind's own struct. */
struct capture {
    const struct capture_ops *ops;
};

/* A pcap-filter expression, compiled for each link type that turns up. One that makes no sense on a link type ("vlan"
 * on raw IP) lets nothing of it pass. */
struct filters {
    const char *expression; /* borrowed; NULL: everything passes */
    struct {
        uint16_t link_type;
        bool refused;
        struct bpf_program program;
    } compiled[16];
    unsigned count;
    bool has_refused; /* set by filters_pass for a link type new to it, told by whoever clears it */
    uint16_t refused;
};

/* RESULT_REJECT: it makes no sense on any link type the sensor reads; the sentence is what libpcap says for Ethernet.
 */
MUST_CHECK enum result filters_check(const char *expression, struct error *err);
bool filters_pass(struct filters *filters, const struct packet *packet);
void filters_fini(struct filters *filters);

/* libpcap's DLT_ value and name of a link type. */
int link_type_dlt(uint16_t link_type);
uint16_t link_type_of_dlt(int dlt);
void link_type_name(uint16_t link_type, char *name, size_t size);

#endif
