/* SPDX-License-Identifier: Apache-2.0 */
/* The stages put together. */
#include "aggregator/aggregator.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "aggregator/answer/answer.h"
#include "aggregator/commit.h"
#include "aggregator/geo.h"
#include "aggregator/lost.h"
#include "aggregator/porter.h"
#include "aggregator/publish/publish.h"
#include "aggregator/receive/receive.h"
#include "aggregator/store/store.h"
#include "common/clock.h"
#include "common/log.h"

struct aggregator {
    char *keys_directory; /* owned */
    struct keys keys;
    void *zmq_context;
    struct store *store;
    struct queue *intake, *receipts;
    struct authenticator *authenticator;
    struct receiver *receiver;
    struct publisher *publisher;
    struct committer *committer;
    struct answerer *answerer;
    struct porter *porter;
    struct geo *geo;
};

static void tell_notice(void *context, const char *text)
{
    (void)context;
    log_error("%s", text);
}

static void tell_refused(void *context, const char *address, const char *door, const char *reason, uint64_t suppressed)
{
    (void)context;
    log_warning("%s is refused at the %s door: %s (%" PRIu64 " more since the last such line)", address, door, reason,
                suppressed);
}

/* RESULT_END: there is no such file. */
static enum result read_key_file(const struct aggregator *a, const char *name, struct keys *ret_keys, struct error *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", a->keys_directory, name);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return error_set(err, RESULT_END, "key file %s: %s", path, strerror(ENOENT));
    struct keys keys;
    enum result r = keys_read(path, &keys, err);
    if (r == RESULT_OK && keys.role != KEY_ROLE_AGGREGATOR)
        r = error_set(err, RESULT_REJECT, "%s is not an aggregator's key: make one with `pavo keys make --dir %s`",
                      path, a->keys_directory);
    if (r == RESULT_OK)
        *ret_keys = keys;
    keys_clear(&keys);
    return r;
}

/* What was left out is no reason to turn away everybody else. */
static void tell_complaints(const char *directory, const struct enrolled *enrolled)
{
    const char *complaint;
    size_t told = 0;
    while ((complaint = enrolled_complaint(enrolled, told)) != NULL) {
        log_error("not let in: %s", complaint);
        told++;
    }
    if (enrolled_left_out(enrolled) > told)
        log_error("not let in: %zu more files under %s/enrolled", enrolled_left_out(enrolled) - told, directory);
}

static enum result read_enrolled(const struct aggregator *a, struct enrolled **ret_enrolled, struct error *err)
{
    enum result r = enrolled_read(a->keys_directory, ret_enrolled, err);
    if (r == RESULT_OK)
        tell_complaints(a->keys_directory, *ret_enrolled);
    return r;
}

static enum result read_keys(struct aggregator *a, struct enrolled **ret_enrolled, struct error *err)
{
    (void)sodium_mlock(&a->keys, sizeof(a->keys)); /* not to swap, nor in a core; where the limits let it */
    enum result r = read_key_file(a, KEYS_AGGREGATOR_FILE, &a->keys, err);
    return r == RESULT_OK ? read_enrolled(a, ret_enrolled, err) : r;
}

/* The sealing keys of now. The door keeps the CURVE key it was opened with: who connects has that in its own file. */
static enum result reread_seals(struct aggregator *a, struct error *err)
{
    struct keys keys, old;
    enum result r = read_key_file(a, KEYS_AGGREGATOR_FILE, &keys, err);
    if (r != RESULT_OK)
        return r;
    if (strcmp(keys.public_key, a->keys.public_key) != 0)
        log_error("the public key in %s/%s is another than at the start, which takes a restart, and everybody who "
                  "connects a new key file; to change the sealing key: pavo keys rotate",
                  a->keys_directory, KEYS_AGGREGATOR_FILE);
    r = read_key_file(a, KEYS_OLD_FILE, &old, err);
    if (r == RESULT_OK || r == RESULT_END) {
        receiver_unseal_with(a->receiver, &keys, r == RESULT_OK ? &old : NULL);
        r = RESULT_OK;
    }
    keys_clear(&keys);
    keys_clear(&old);
    return r;
}

static enum result start_intake(struct aggregator *a, const struct config *config, struct error *err)
{
    const struct receiver_options receiver = {.zmq_context = a->zmq_context,
                                              .endpoint = config->intake,
                                              .keys = &a->keys,
                                              .authenticator = a->authenticator,
                                              .store = a->store,
                                              .credit = (uint32_t)config->credit,
                                              .intake = a->intake,
                                              .receipts = a->receipts};
    enum result r = publisher_start(a->zmq_context, config->publish, &a->keys, a->authenticator, &a->publisher, err);
    if (r == RESULT_OK)
        r = receiver_start(&receiver, &a->receiver, err);
    if (r != RESULT_OK)
        return r;
    const struct committer_options committer = {.store = a->store,
                                                .receiver = a->receiver,
                                                .publisher = a->publisher,
                                                .intake = a->intake,
                                                .receipts = a->receipts,
                                                .lost_quiet_ns = LOST_QUIET_NS};
    r = committer_start(&committer, config->boundaries, config->boundary_count, &a->committer, err);
    return r == RESULT_OK ? reread_seals(a, err) : r;
}

static enum result start_answerer(struct aggregator *a, const struct config *config, struct error *err)
{
    const struct answer_options answer = {.zmq_context = a->zmq_context,
                                          .endpoint = config->answer,
                                          .keys = &a->keys,
                                          .authenticator = a->authenticator,
                                          .store = a->store,
                                          .receiver = a->receiver,
                                          .publisher = a->publisher,
                                          .committer = a->committer,
                                          .geo = a->geo};
    return answerer_start(&answer, &a->answerer, err);
}

enum result aggregator_start(const struct config *config, struct aggregator **ret_aggregator, struct error *err)
{
    struct aggregator *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    struct enrolled *enrolled = NULL;
    struct store_options store = config->store;
    store.directory = config->data;
    store.notice = tell_notice;
    a->keys_directory = strdup(config->keys);
    a->zmq_context = zmq_ctx_new();
    enum result r = a->keys_directory == NULL || a->zmq_context == NULL ? error_set(err, RESULT_FATAL, "out of memory")
                                                                        : read_keys(a, &enrolled, err);
    if (r == RESULT_OK)
        r = geo_open(config->geo.items, config->geo.count, &a->geo, err);
    if (r == RESULT_OK)
        r = store_open(&store, &a->store, err);
    if (r == RESULT_OK)
        r = queue_new(RECEIVE_QUEUE_BYTES, &a->intake, err);
    if (r == RESULT_OK)
        r = queue_new(UINT64_MAX, &a->receipts, err); /* bounded by what the receiver has under way */
    if (r == RESULT_OK)
        r = authenticator_start(a->zmq_context, &enrolled, tell_refused, NULL, &a->authenticator, err);
    if (r == RESULT_OK && !config->store.read_only)
        r = start_intake(a, config, err);
    if (r == RESULT_OK)
        r = start_answerer(a, config, err);
    if (r == RESULT_OK)
        r = porter_start((unsigned)config->connections, &a->porter, err);
    enrolled_destroy(&enrolled);
    if (r != RESULT_OK) {
        aggregator_stop(&a);
        return r;
    }
    *ret_aggregator = a;
    return RESULT_OK;
}

struct aggregator_endpoints aggregator_endpoints(const struct aggregator *aggregator)
{
    bool all = aggregator->receiver != NULL;
    return (struct aggregator_endpoints){.intake = all ? receiver_endpoint(aggregator->receiver) : "none",
                                         .publish = all ? publisher_endpoint(aggregator->publisher) : "none",
                                         .answer = answerer_endpoint(aggregator->answerer)};
}

enum result aggregator_reload_keys(struct aggregator *aggregator, struct error *err)
{
    struct enrolled *enrolled = NULL;
    struct error why;
    enum result seals = aggregator->receiver == NULL ? RESULT_OK : reread_seals(aggregator, &why);
    enum result r = read_enrolled(aggregator, &enrolled, err);
    if (r == RESULT_OK) /* whatever is the matter with another file: who was revoked is out */
        authenticator_replace(aggregator->authenticator, &enrolled);
    if (seals != RESULT_OK)
        r = error_set(err, seals, "the sealing keys stay as they were: %.400s", why.text);
    return r;
}

enum result aggregator_configure(struct aggregator *aggregator, const struct config *config, struct error *err)
{
    if (aggregator->committer == NULL)
        return RESULT_OK;
    return committer_configure(aggregator->committer, config->boundaries, config->boundary_count, err);
}

bool aggregator_failed(struct aggregator *aggregator, struct error *ret_error)
{
    return aggregator->committer != NULL && committer_failed(aggregator->committer, ret_error);
}

static void drain(struct aggregator *a)
{
    struct batch *batch;
    struct receipt *receipt;
    while (a->intake != NULL && (batch = queue_pop(a->intake)) != NULL)
        batch_destroy(&batch);
    while (a->receipts != NULL && (receipt = queue_pop(a->receipts)) != NULL)
        free(receipt);
    queue_destroy(&a->intake);
    queue_destroy(&a->receipts);
}

void aggregator_stop(struct aggregator **aggregator)
{
    struct aggregator *a = *aggregator;
    if (a == NULL)
        return;
    porter_stop(&a->porter);
    answerer_stop(&a->answerer);
    geo_close(&a->geo);
    if (a->receiver != NULL)
        receiver_refuse(a->receiver);
    committer_stop(&a->committer);
    receiver_stop(&a->receiver);
    publisher_stop(&a->publisher);
    authenticator_stop(&a->authenticator);
    drain(a);
    if (a->zmq_context != NULL)
        zmq_ctx_term(a->zmq_context); /* lingers as long as bus.h allows the last acknowledgements */
    store_close(&a->store);
    sodium_munlock(&a->keys, sizeof(a->keys)); /* and wipes */
    free(a->keys_directory);
    free(a);
    *aggregator = NULL;
}
