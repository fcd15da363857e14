/* SPDX-License-Identifier: Apache-2.0 */
/* Shipping: what a sensor, a collector, a witness or a detector has to say is encoded, sealed, sent to the aggregator
 * and kept until it acknowledges it.
 *
 *   any thread --- shipper_submit ---> shipper thread: encode > zlib > seal > [held] > DEALER
 *                                                                      ^ Acknowledgement
 * Held batches are bounded in bytes (`held_max`, sealed size). When a new one does not fit, the oldest held
 * batch that was never sent is given up (one that was sent may be committed already and goes last) and a loss record
 * (records_spool) takes its place in the next batch (live capture), or the submitter waits (files: `patient`).
 * Sending is bounded by the aggregator's credit. Every batch is sent again when it is not acknowledged in time
 * (resend 5 s doubling to 60 s) and at once after a reconnection; a Hello every 5 s must bring a Welcome, else
 * after 3 the socket is rebuilt. Sequence numbers begin at 1 in each epoch; a gap in them is no loss, for a status
 * that was never sent makes way for a newer one.
 *
 * With a state directory (common/speak/kept.h) what an earlier life left there is sent first, under its old names, and
 * shipper_keep leaves what is unacknowledged at the end for the next. Earlier lives may hold held_max more, and no
 * count has them: their books are their own.
 *
 * The books are of the records submitted, whatever their kind: made = acknowledged + lost + held at every moment.
 * Memory: held_max (twice while there are earlier lives), SHIPPER_QUEUE_BATCHES batches on either side of the thread
 * and in ZeroMQ's queue. */
#ifndef PAVO_COMMON_SPEAK_SHIPPER_H
#define PAVO_COMMON_SPEAK_SHIPPER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/keys.h"
#include "common/records/loss.h"
#include "common/result.h"
#include "common/speak/kept.h"
#include "common/speak/session.h"

struct shipper;

struct shipper_options {
    const char *endpoint;    /* aggregator, as bus_connect takes it */
    const struct keys *keys; /* copied; of a role that speaks */
    const char *software;    /* "pavo-sensor 0.1.0"; copied */
    uint64_t epoch;
    uint64_t held_max;        /* bytes; SHIPPER_HELD_DEFAULT */
    bool patient;             /* files: wait for room instead of giving up batches */
    struct session_pace pace; /* hello_ns 0: SESSION_PACE_DEFAULT */
    /* Directory for what is unacknowledged at the end, of this process alone; NULL: none. One that cannot be used is
     * said, and the shipper goes on without. `say`, needed with it, is called by shipper_start only. */
    const char *state;
    struct kept_say say;
};
#define SHIPPER_HELD_DEFAULT  (256ull << 20)
#define SHIPPER_HELD_MIN      (1ull << 20)
#define SHIPPER_QUEUE_BATCHES 16 /* submitted, not yet encoded; full: as held_max full */

struct shipper_counts {
    uint64_t records_made, records_acknowledged, records_lost, records_held;
    uint64_t batches_made, batches_held, batches_resent, batches_rejected;
    uint64_t bytes_sent, bytes_held;
    uint64_t reconnects;     /* connections made after the first */
    uint64_t frames_garbled; /* received and not understood */
    bool connected;          /* Welcome came within the last three Hellos */
    bool clock_known;
    int64_t clock_offset_ns; /* the aggregator's minus ours */
    int64_t clock_error_ns;
};

/* Starts the thread. It connects in the background: an aggregator that is away is no error. */
MUST_CHECK enum result shipper_start(const struct shipper_options *options, struct shipper **ret_shipper,
                                     struct error *err);

/* Takes records of one kind (sets *records NULL): flows, bindings, alerts; they become a batch of their own. Any
 * thread. When the queue is full: patient shippers block, others give them up as a loss record; either way nothing is
 * lost uncounted. */
void shipper_submit(struct shipper *shipper, struct records **records);

/* Something is gone: copied, its observer set to who speaks; goes with the next batch. Packets that the kernel dropped
 * are no matter of the books; a loss of records (loss_kind_is_of_records) is one of records that were made and never
 * submitted, and counts as both made and lost. Any thread. */
void shipper_loss(struct shipper *shipper, const struct loss *loss);

/* A status for the aggregator: records of kind status, one row, copied. It is completed here, and nowhere else, with
 * what holds at this moment:
 *   observer                     who speaks
 *   software                     the option
 *   records_made                 what the caller says was made, submitted or not yet; at least what was submitted
 *   records_held                 what is held here, and what was made and is not submitted
 *   records_acknowledged, records_lost
 *   batches_*, bytes_sent, reconnects, clock_*
 * All else is the caller's. Goes as a batch of its own, behind the batches already submitted; replaces one that still
 * waits there. Any thread. */
void shipper_status(struct shipper *shipper, const struct records *status);

void shipper_counts_get(struct shipper *shipper, struct shipper_counts *ret_counts);

/* From now on a patient shipper gives batches up rather than let a submitter wait: for an impatient end. Any thread. */
void shipper_hurry(struct shipper *shipper);

/* Waits up to `wait_ns` for everything submitted to be acknowledged. True: nothing is held. */
bool shipper_drain(struct shipper *shipper, int64_t wait_ns);

/* With a state directory, when nobody submits any more: stops the thread and writes what is still held for the next
 * life, losses and the last status included. *ret_records: how many records wait
 * now, those of earlier lives included. RESULT_REJECT: there is no
 * such directory; RESULT_FATAL: it cannot be written. Then nothing is kept. */
MUST_CHECK enum result shipper_keep(struct shipper *shipper, uint64_t *ret_records, struct error *err);

/* Stops the thread, when nobody submits any more (shipper_hurry frees a submitter that waits); what is still held and
 * was not kept is lost with the process and returned as a count of records. */
uint64_t shipper_stop(struct shipper **shipper);

#endif
