/* SPDX-License-Identifier: Apache-2.0 */
/* The stages put together. */
#include "aggregator/aggregator.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "aggregator/answer/answer.h"
#include "aggregator/commit.h"
#include "aggregator/lost.h"
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

static enum result read_keys(struct aggregator *a, struct enrolled **ret_enrolled, struct error *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/aggregator.key", a->keys_directory);
    enum result r = keys_read(path, &a->keys, err);
    if (r != RESULT_OK)
        return r;
    if (a->keys.role != KEY_ROLE_AGGREGATOR || !a->keys.has_seal || !a->keys.has_seal_secret)
        return error_set(err, RESULT_REJECT, "%s is not an aggregator's key: make one with `pavo keys make --dir %s`",
                         path, a->keys_directory);
    return enrolled_read(a->keys_directory, ret_enrolled, err);
}

static enum result start_doors(struct aggregator *a, const struct config *config, struct error *err)
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
    if (r != RESULT_OK)
        return r;
    const struct answer_options answer = {.zmq_context = a->zmq_context,
                                          .endpoint = config->answer,
                                          .keys = &a->keys,
                                          .authenticator = a->authenticator,
                                          .store = a->store,
                                          .receiver = a->receiver,
                                          .publisher = a->publisher,
                                          .committer = a->committer};
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
        r = store_open(&store, &a->store, err);
    if (r == RESULT_OK)
        r = queue_new(RECEIVE_QUEUE_BYTES, &a->intake, err);
    if (r == RESULT_OK)
        r = queue_new(UINT64_MAX, &a->receipts, err); /* bounded by what the receiver has under way */
    if (r == RESULT_OK)
        r = authenticator_start(a->zmq_context, &enrolled, tell_refused, NULL, &a->authenticator, err);
    if (r == RESULT_OK)
        r = start_doors(a, config, err);
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
    return (struct aggregator_endpoints){.intake = receiver_endpoint(aggregator->receiver),
                                         .publish = publisher_endpoint(aggregator->publisher),
                                         .answer = answerer_endpoint(aggregator->answerer)};
}

enum result aggregator_reload(struct aggregator *aggregator, const struct config *config, struct error *err)
{
    struct enrolled *enrolled = NULL;
    enum result r = enrolled_read(aggregator->keys_directory, &enrolled, err);
    if (r == RESULT_OK)
        r = committer_configure(aggregator->committer, config->boundaries, config->boundary_count, err);
    if (r == RESULT_OK)
        authenticator_replace(aggregator->authenticator, &enrolled);
    enrolled_destroy(&enrolled);
    return r;
}

bool aggregator_failed(struct aggregator *aggregator, struct error *ret_error)
{
    return committer_failed(aggregator->committer, ret_error);
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
    answerer_stop(&a->answerer);
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
    keys_clear(&a->keys);
    free(a->keys_directory);
    free(a);
    *aggregator = NULL;
}
