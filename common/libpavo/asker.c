/* SPDX-License-Identifier: Apache-2.0 */
/* An asker: questions out, and the replies to the one under way in. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <zmq.h>

#include "common/clock.h"
#include "common/libpavo/answer.h"
#include "common/libpavo/ask.h"
#include "common/libpavo/files.h"
#include "common/libpavo/options.h"

#define WAIT_STEP_MS  500 /* a handshake's time-out is looked at as often */
#define ARGUMENTS_MAX 256
#define PARAMETER_MAX 64
#define SESSION_MAX   128
#define CANCELLED     "the question was cancelled"

struct pavo_asker {
    void *zmq;
    struct keys keys;
    struct asker asker;
    int64_t patience_ns;
    bool files;            /* filters may name some */
    pavo_answer *answer;   /* the one under way; NULL: none. The caller's */
    atomic_bool cancelled; /* since the last question was asked; any thread, and signal handlers */
    int wake;              /* an eventfd: somebody cancelled */
    char session[SESSION_MAX + 1];
    char parameter[PARAMETER_MAX]; /* what the last error is about; "": none */
    size_t offset;
    char error[DOOR_TEXT_MAX];
};

/* ---- birth and death */

static enum result set_up(pavo_asker *a, const pavo_options *options, struct error *err)
{
    char endpoint[DOOR_TEXT_MAX];
    enum result result = options_keys(options, true, &a->keys, err);
    if (result == RESULT_OK)
        result = options_answer_door(options, endpoint, err);
    if (result != RESULT_OK)
        return result;
    a->patience_ns = options->timeout_ms * NS_PER_MS;
    a->files = options->files;
    a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (a->wake < 0)
        return error_set(err, RESULT_FATAL, "no descriptor to wait with: %s", strerror(errno));
    a->zmq = zmq_ctx_new();
    if (a->zmq == NULL)
        return error_set(err, RESULT_FATAL, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    return asker_open(a->zmq, endpoint, &a->keys, &a->asker, err);
}

static void tell(const struct error *err, char error[PAVO_ERROR_MAX])
{
    if (error != NULL)
        snprintf(error, PAVO_ERROR_MAX, "%s", err->text);
}

pavo_asker *pavo_asker_new(const pavo_options *options, char error[PAVO_ERROR_MAX])
{
    struct error err = {""};
    pavo_asker *asker = calloc(1, sizeof(*asker));
    enum result result = RESULT_OK;
    if (asker == NULL) {
        result = error_set(&err, RESULT_FATAL, "out of memory");
    } else {
        asker->wake = -1;
        result = set_up(asker, options, &err);
    }
    if (result != RESULT_OK) {
        pavo_asker_destroy(&asker);
        tell(&err, error);
    }
    return asker;
}

/* The aggregator need not go on with a query that went out when the door had lost `lost` connections. */
static void end_query(pavo_asker *a, uint64_t id, unsigned lost)
{
    door_watch(&a->asker.door);
    if (a->asker.door.state == DOOR_OPEN && a->asker.door.lost == lost)
        asker_cancel(&a->asker, id);
}

/* The answer under way is not waited for any longer; what is still sent of it is dropped by its number. */
static void give_up(pavo_asker *a, const char *why)
{
    if (a->answer == NULL)
        return;
    if (!a->answer->ended) {
        end_query(a, a->answer->id, a->answer->lost);
        (void)answer_fail(a->answer, why);
    }
    a->answer->asker = NULL;
    a->answer = NULL;
}

void pavo_asker_destroy(pavo_asker **asker)
{
    pavo_asker *a = asker == NULL ? NULL : *asker;
    if (a == NULL)
        return;
    give_up(a, "its asker is gone");
    asker_close(&a->asker);
    if (a->zmq != NULL)
        zmq_ctx_term(a->zmq);
    if (a->wake >= 0)
        close(a->wake);
    keys_clear(&a->keys);
    free(a);
    *asker = NULL;
}

void pavo_answer_destroy(pavo_answer **answer)
{
    pavo_answer *a = answer == NULL ? NULL : *answer;
    if (a == NULL)
        return;
    if (a->asker != NULL)
        give_up(a->asker, "it was destroyed");
    if (a->reply != NULL)
        pavo__reply__free_unpacked(a->reply, NULL);
    pavo_columns_destroy(&a->page);
    pavo_columns_destroy(&a->head);
    pavo_columns_destroy(&a->gaps);
    pavo_columns_destroy(&a->reaches);
    shape_drop(&a->shape);
    free(a->command);
    free(a);
    *answer = NULL;
}

/* ---- waiting */

/* Waits for something to happen, until `end_ns` at the latest. False: that is now. */
static bool wait_until(pavo_asker *a, int64_t end_ns)
{
    int64_t ms = (end_ns - clock_monotonic_ns() + NS_PER_MS - 1) / NS_PER_MS;
    zmq_pollitem_t items[] = {{.socket = a->asker.door.socket, .events = ZMQ_POLLIN},
                              {.socket = a->asker.door.watch, .events = ZMQ_POLLIN},
                              {.fd = a->wake, .events = ZMQ_POLLIN}};
    if (ms <= 0)
        return false;
    (void)zmq_poll(items, 3, (long)(ms > WAIT_STEP_MS ? WAIT_STEP_MS : ms));
    return true;
}

static enum result no_way(pavo_asker *a, struct error *err)
{
    char why[DOOR_TEXT_MAX];
    return error_set(err, RESULT_FATAL, "%s", door_text(&a->asker.door, a->keys.name, why));
}

/* Nothing is sent before the connection stands: a question that nobody waits for any longer would be answered when it
 * does. */
static enum result wait_open(pavo_asker *a, struct error *err)
{
    int64_t end = clock_monotonic_ns() + a->patience_ns;
    do {
        door_watch(&a->asker.door);
        if (atomic_load(&a->cancelled))
            return error_set(err, RESULT_END, CANCELLED);
        if (a->asker.door.state == DOOR_OPEN)
            return RESULT_OK;
    } while (a->asker.door.state != DOOR_REFUSED && wait_until(a, end));
    return no_way(a, err);
}

/* Waits for the next reply to query `id`, which was sent when the door had lost `lost` connections. Until `end_ns`; 0:
 * as long as the asker's patience goes, from `since_ns` or the last that was heard. RESULT_AGAIN: none came in that
 * time. Anything else but RESULT_OK, with a sentence: none will come. */
static enum result wait_reply(pavo_asker *a, uint64_t id, unsigned lost, int64_t since_ns, int64_t end_ns,
                              Pavo__Reply **ret_reply, struct error *err)
{
    for (;;) {
        if (atomic_load(&a->cancelled))
            return error_set(err, RESULT_END, CANCELLED);
        enum result result = asker_receive(&a->asker, id, ret_reply, err);
        if (result != RESULT_AGAIN)
            return result;
        door_watch(&a->asker.door);
        if (a->asker.door.state != DOOR_OPEN || a->asker.door.lost != lost)
            return no_way(a, err);
        int64_t heard = a->asker.heard_ns > since_ns ? a->asker.heard_ns : since_ns;
        if (!wait_until(a, end_ns != 0 ? end_ns : heard + a->patience_ns))
            return RESULT_AGAIN;
    }
}

/* What an error is about, at once or after the head. */
static void keep_parameter(pavo_asker *a, const Pavo__Reply *reply)
{
    snprintf(a->parameter, sizeof(a->parameter), "%.*s", PARAMETER_MAX - 1, reply->parameter);
    text_clean(a->parameter);
    a->offset = reply->offset;
}

/* It failed here, whatever the aggregator thinks of it. */
static int fail(pavo_answer *answer, const char *why)
{
    end_query(answer->asker, answer->id, answer->lost);
    return answer_fail(answer, why);
}

int pavo_answer_next(pavo_answer *answer, int timeout_ms, const pavo_columns **page)
{
    if (answer == NULL || page == NULL)
        return PAVO_FAILED;
    if (!answer->ended && atomic_load(&answer->asker->cancelled))
        return fail(answer, CANCELLED);
    int64_t now = clock_monotonic_ns(), end = timeout_ms < 0 ? 0 : now + (int64_t)timeout_ms * NS_PER_MS;
    for (;;) {
        bool ended = answer->ended;
        int step = answer_step(answer, page);
        if (step == PAVO_FAILED && !ended)
            end_query(answer->asker, answer->id, answer->lost);
        if (step != PAVO_TIMEOUT)
            return step;
        Pavo__Reply *reply;
        struct error err = {""};
        enum result result = wait_reply(answer->asker, answer->id, answer->lost, now, end, &reply, &err);
        if (result == RESULT_AGAIN)
            return PAVO_TIMEOUT;
        if (result != RESULT_OK)
            return fail(answer, err.text);
        if (reply->error[0] != '\0')
            keep_parameter(answer->asker, reply);
        answer_take(answer, reply);
    }
}

/* ---- files that filters name */

#define PART_BYTES (48u << 10) /* a query is 64 KiB at most */

/* Waits for room in the socket. RESULT_OK: there may be some. */
static enum result wait_room(pavo_asker *a, unsigned lost, int64_t end_ns, struct error *err)
{
    zmq_pollitem_t items[] = {{.socket = a->asker.door.socket, .events = ZMQ_POLLOUT},
                              {.fd = a->wake, .events = ZMQ_POLLIN}};
    (void)zmq_poll(items, 2, WAIT_STEP_MS);
    door_watch(&a->asker.door);
    if (atomic_load(&a->cancelled))
        return error_set(err, RESULT_END, CANCELLED);
    if (a->asker.door.state != DOOR_OPEN || a->asker.door.lost != lost || clock_monotonic_ns() >= end_ns)
        return no_way(a, err);
    return RESULT_OK;
}

/* The patience is for each part: a file may take longer in all. */
static enum result send_set(pavo_asker *a, unsigned lost, const char *name, const struct bytes *packed,
                            struct error *err)
{
    int64_t end = clock_monotonic_ns() + a->patience_ns;
    enum result result = RESULT_OK;
    for (size_t at = 0; result == RESULT_OK && at < packed->length;) {
        size_t length = packed->length - at < PART_BYTES ? packed->length - at : PART_BYTES;
        result = asker_send_part(&a->asker, name, packed->data + at, length, err);
        if (result == RESULT_OK) {
            at += length;
            end = clock_monotonic_ns() + a->patience_ns;
        } else if (result == RESULT_FULL) {
            result = wait_room(a, lost, end, err);
        }
    }
    return result;
}

static enum result send_files(pavo_asker *a, const struct files *files, unsigned lost, struct error *err)
{
    enum result result = RESULT_OK;
    for (size_t i = 0; result == RESULT_OK && i < files->count; i++) {
        struct bytes packed = {NULL, 0};
        result = address_set_pack(files->sets[i].set, &packed, err);
        if (result == RESULT_OK)
            result = send_set(a, lost, files->sets[i].name, &packed, err);
        bytes_free(&packed);
    }
    return result;
}

/* ---- asking */

static enum result send_query(pavo_asker *a, const char *question, const char *const arguments[], uint64_t *ret_id,
                              struct error *err)
{
    Pavo__Argument made[ARGUMENTS_MAX], *pointers[ARGUMENTS_MAX];
    Pavo__Query query = PAVO__QUERY__INIT;
    for (; arguments != NULL && arguments[2 * query.n_arguments] != NULL; query.n_arguments++) {
        const char *name = arguments[2 * query.n_arguments], *value = arguments[2 * query.n_arguments + 1];
        if (value == NULL)
            return error_set(err, RESULT_REJECT, "the argument '%.100s' has no value", name);
        if (query.n_arguments == ARGUMENTS_MAX)
            return error_set(err, RESULT_REJECT, "more than %d arguments", ARGUMENTS_MAX);
        Pavo__Argument *argument = &made[query.n_arguments];
        pavo__argument__init(argument);
        argument->name = (char *)name;
        argument->value = (char *)value;
        pointers[query.n_arguments] = argument;
    }
    query.question = (char *)question;
    query.arguments = pointers;
    query.session = (ProtobufCBinaryData){.len = strlen(a->session), .data = (uint8_t *)a->session};
    return asker_send(&a->asker, &query, ret_id, err);
}

/* The reply is no beginning of an answer but an error. */
static enum result keep_error(pavo_asker *a, const Pavo__Reply *reply, struct error *err)
{
    error_set(err, RESULT_REJECT, "%s", reply->error);
    text_clean(err->text);
    keep_parameter(a, reply);
    return RESULT_REJECT;
}

/* What goes before the query. */
static enum result enclose(pavo_asker *a, const char *const arguments[], unsigned lost, struct error *err)
{
    struct files files = {.count = 0};
    const char *named = ""; /* the argument that names files */
    for (size_t i = 0; a->files && arguments != NULL && arguments[i] != NULL && arguments[i + 1] != NULL; i += 2) {
        size_t before = files.count;
        files_gather(&files, arguments[i + 1]);
        named = files.count > before ? arguments[i] : named;
    }
    enum result result = files_read(&files, err);
    if (result == RESULT_REJECT)
        snprintf(a->parameter, sizeof(a->parameter), "%s", named);
    if (result == RESULT_OK)
        result = send_files(a, &files, lost, err);
    files_drop(&files);
    return result;
}

static enum result ask(pavo_asker *a, const char *question, const char *const arguments[], pavo_answer **ret_answer,
                       struct error *err)
{
    uint64_t id;
    Pavo__Reply *reply;
    if (question == NULL)
        return error_set(err, RESULT_REJECT, "no question was given; \"questions\" lists them");
    enum result result = wait_open(a, err);
    unsigned lost = a->asker.door.lost;
    if (result == RESULT_OK)
        result = enclose(a, arguments, lost, err);
    if (result == RESULT_OK)
        result = send_query(a, question, arguments, &id, err);
    if (result != RESULT_OK)
        return result;
    result = wait_reply(a, id, lost, clock_monotonic_ns(), 0, &reply, err);
    if (result != RESULT_OK) {
        end_query(a, id, lost);
        return result == RESULT_AGAIN ? no_way(a, err) : result;
    }
    if (reply->error[0] != '\0') {
        result = keep_error(a, reply, err);
        pavo__reply__free_unpacked(reply, NULL);
        return result;
    }
    result = answer_begin(reply, ret_answer, err);
    if (result != RESULT_OK) {
        end_query(a, id, lost);
    } else {
        (*ret_answer)->asker = a;
        (*ret_answer)->id = id;
        (*ret_answer)->lost = lost;
        a->answer = *ret_answer;
    }
    return result;
}

pavo_answer *pavo_ask(pavo_asker *asker, const char *question, const char *const arguments[],
                      char error[PAVO_ERROR_MAX])
{
    pavo_answer *answer = NULL;
    struct error err = {""};
    if (asker == NULL)
        return NULL; /* `error` has why there is none */
    give_up(asker, "another question was asked");
    atomic_store(&asker->cancelled, false);
    (void)eventfd_read(asker->wake, &(eventfd_t){0});
    asker->parameter[0] = '\0';
    asker->offset = 0;
    if (ask(asker, question, arguments, &answer, &err) != RESULT_OK)
        tell(&err, error);
    return answer;
}

void pavo_asker_cancel(pavo_asker *asker)
{
    int error = errno; /* it may be called in a signal handler */
    if (asker == NULL)
        return;
    atomic_store(&asker->cancelled, true);
    ssize_t ignored = write(asker->wake, &(uint64_t){1}, sizeof(uint64_t));
    (void)ignored;
    errno = error;
}

const char *pavo_asker_parameter(const pavo_asker *asker)
{
    return asker == NULL || asker->parameter[0] == '\0' ? NULL : asker->parameter;
}

size_t pavo_asker_offset(const pavo_asker *asker)
{
    return asker == NULL ? 0 : asker->offset;
}

const char *pavo_asker_error(pavo_asker *asker)
{
    if (asker == NULL)
        return "there is no asker";
    door_watch(&asker->asker.door);
    return asker->asker.door.state == DOOR_OPEN ? NULL : door_text(&asker->asker.door, asker->keys.name, asker->error);
}

int pavo_asker_act_for(pavo_asker *asker, const char *session)
{
    size_t length = session == NULL ? 0 : strnlen(session, SESSION_MAX + 1);
    if (asker == NULL || length > SESSION_MAX || (session != NULL && length == 0))
        return 0;
    for (size_t i = 0; i < length; i++) {
        if (session[i] <= ' ' || session[i] > '~')
            return 0;
    }
    memset(asker->session, 0, sizeof(asker->session));
    if (length > 0)
        memcpy(asker->session, session, length);
    return 1;
}
