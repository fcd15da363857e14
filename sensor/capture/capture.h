/* SPDX-License-Identifier: Apache-2.0 */
/* Capture: packets from interfaces or from files, a few dozen at a time.
 *
 *   capture_open_files   pcap and pcapng files (gzip too), "-" (standard input) and other pipes, whole folders; merged
 * in time order capture_open_live    interfaces, through libpcap: TPACKET_V3, immediate mode off; with several threads
 * each opens a capture of its own and the kernel divides the flows among them (fanout.h); each begins when it is first
 * asked for packets or counts, which must be after all have been opened; several interfaces are merged in time order
 * (order.h)
 *
 * A capture belongs to one thread. Packets are borrowed until the next call. Library code: it does not log, but
 * hands sentences worth a log line to `say`. Sources (interfaces; files, or the interfaces of a pcapng file) are
 * numbered from 0 as they turn up; packets carry the number. */
#ifndef PAVO_SENSOR_CAPTURE_CAPTURE_H
#define PAVO_SENSOR_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"
#include "sensor/capture/packet.h"

struct capture;

#define CAPTURE_SOURCES_MAX                                                                                            \
    64u /* interfaces, also of pcapng files; beyond so many they are counted together as the last */
#define CAPTURE_FILES_OPEN_MAX  64u /* files that overlap in time and are merged */
#define CAPTURE_BATCH           64u /* packets a call gives at most */
#define CAPTURE_BUFFER_DEFAULT  (16ull << 20)
#define CAPTURE_SNAPLEN_DEFAULT 256u
#define CAPTURE_SNAPLEN_MAX     65535u

enum capture_say { CAPTURE_SAY_NOTICE, CAPTURE_SAY_WARNING };

struct capture_options {
    const char *const *names; /* interfaces, or files */
    size_t name_count;
    const char *filter;            /* pcap-filter(7); NULL: none */
    uint64_t buffer_size;          /* live: kernel buffer of each interface and thread */
    uint32_t snaplen;              /* live */
    uint32_t thread_count, thread; /* live: PACKET_FANOUT among so many */
    uint32_t *groups; /* live, of several threads: CAPTURE_SOURCES_MAX numbers, 0 at first, that all of them share */
    bool progress;    /* files: say which file is begun */
    bool follow;      /* files: the newest is still written to, and folders get new ones; there is no end */
    void (*say)(void *context, enum capture_say kind, const char *sentence);
    void *context;
};

/* RESULT_REJECT: an interface or file cannot be opened, or the filter is bad; the sentence says which and the way out.
 */
MUST_CHECK enum result capture_open_files(const struct capture_options *options, struct capture **ret_capture,
                                          struct error *err);
MUST_CHECK enum result capture_open_live(const struct capture_options *options, struct capture **ret_capture,
                                         struct error *err);
void capture_close(struct capture **capture);

/* Up to CAPTURE_BATCH packets; none, when a filter left none of very many. RESULT_AGAIN: none within `wait_ms` (live,
 * pipes, follow). RESULT_END: all files are read, or every interface is gone. */
MUST_CHECK enum result capture_next(struct capture *capture, int wait_ms, struct packet packets[static CAPTURE_BATCH],
                                    size_t *ret_count);

/* What the kernel and the files say about a source, cumulative. */
struct capture_source {
    const char *name; /* borrowed from the capture */
    char link_type[24];
    uint64_t kernel_dropped;                /* the kernel's buffer was full; files: pcapng's isb_osdrop */
    uint64_t interface_dropped;             /* the interface or its driver had no room; files: isb_ifdrop */
    int64_t dropped_from_ns, dropped_to_ns; /* files: between these; 0: since this was last asked */
    bool broken; /* reading ended early, with a sentence: a broken file, an interface that is gone */
};
size_t capture_source_count(const struct capture *capture);
void capture_source_get(struct capture *capture, size_t number, struct capture_source *ret_source);

#endif
