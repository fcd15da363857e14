/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, connection, question, replies. */
#include "aggregator/cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

#include "aggregator/cli/show.h"
#include "common/clock.h"

#define SLOW_NS    (1 * NS_PER_S) /* from here on a person at a terminal is told that we wait */
#define STEP_MS    200
#define CONNECT_NS (5 * NS_PER_S) /* no connection by then: nobody is there; an answer may take longer */

static const char *config_directory(char path[static KEY_PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config != NULL && config[0] == '/')
        snprintf(path, KEY_PATH_MAX, "%.4000s/pavo", config);
    else
        snprintf(path, KEY_PATH_MAX, "%.4000s/.config/pavo", home == NULL ? "" : home);
    return path;
}

bool session_key_path(const struct cli *cli, char ret_path[static KEY_PATH_MAX])
{
    char directory[KEY_PATH_MAX], own[KEY_PATH_MAX + 16];
    if (cli->key != NULL) {
        snprintf(ret_path, KEY_PATH_MAX, "%s", cli->key);
        return true;
    }
    snprintf(own, sizeof(own), "%s/reader.key", config_directory(directory));
    const char *const places[] = {own, "/etc/pavo/reader.key"};
    for (unsigned i = 0; i < 2; i++) {
        if (access(places[i], F_OK) == 0) {
            snprintf(ret_path, KEY_PATH_MAX, "%s", places[i]);
            return true;
        }
    }
    cli_fail(CLI_UNREACHABLE,
             "no key: --key and PAVO_KEY are not set, and there is no %s and no %s.\n"
             "      On the aggregator's machine: pavo keys enrol reader NAME; then copy NAME.key here.",
             places[0], places[1]);
    return false;
}

static enum result read_reader_key(const char *path, struct keys *ret_keys, struct error *err)
{
    enum result result = keys_read(path, ret_keys, err);
    if (result == RESULT_OK && ret_keys->role != KEY_ROLE_READER) {
        result =
            error_set(err, RESULT_REJECT,
                      "%s is the key of a %s; asking takes a reader's. On the aggregator's machine: pavo keys enrol "
                      "reader NAME",
                      path, key_role_name(ret_keys->role));
        keys_clear(ret_keys);
    }
    return result;
}

int session_open(const struct cli *cli, struct session *ret_session)
{
    struct session s = {.cli = cli};
    struct error err;
    char path[KEY_PATH_MAX], endpoint[DOOR_TEXT_MAX];
    const char *aggregator = cli->aggregator == NULL ? "localhost" : cli->aggregator;
    if (door_endpoint(aggregator, cli->answer, 2, endpoint, &err) != RESULT_OK)
        return cli_fail(CLI_USAGE, "--aggregator: %s", err.text);
    if (!session_key_path(cli, path))
        return CLI_UNREACHABLE;
    if (read_reader_key(path, &s.keys, &err) != RESULT_OK)
        return cli_fail(CLI_UNREACHABLE, "%s", err.text);
    s.zmq = zmq_ctx_new();
    if (s.zmq == NULL || asker_open(s.zmq, endpoint, &s.keys, &s.asker, &err) != RESULT_OK) {
        session_close(&s);
        return cli_fail(CLI_UNREACHABLE, "%s", s.zmq == NULL ? "cannot start ZeroMQ" : err.text);
    }
    *ret_session = s;
    return -1;
}

void session_close(struct session *session)
{
    asker_close(&session->asker);
    if (session->zmq != NULL)
        zmq_ctx_term(session->zmq);
    keys_clear(&session->keys);
}

/* ---------------------------------------------------------------- asking */

/* A line that is written over, for a person who waits. */
static void show_waiting(int64_t waited_ns, size_t replies, bool *shown)
{
    if (!isatty(STDERR_FILENO) || waited_ns < SLOW_NS)
        return;
    fprintf(stderr, "\r\033[Kwaiting for the aggregator: %.0f s, %zu replies so far", (double)waited_ns / NS_PER_S,
            replies);
    fflush(stderr);
    *shown = true;
}

static void hide_waiting(bool *shown)
{
    if (*shown)
        fputs("\r\033[K", stderr);
    *shown = false;
}

static int say_error(const char *filter, const Pavo__Reply *reply)
{
    cli_fail(CLI_USAGE, "%s", reply->error);
    if (filter == NULL || filter[0] == '\0' || reply->error_offset > strlen(filter) || strchr(filter, '\n') != NULL ||
        strncmp(reply->error, "filter", 6) != 0)
        return CLI_UNREACHABLE;
    fprintf(stderr, "  %s\n  %*s^\n", filter, (int)reply->error_offset, "");
    return CLI_USAGE;
}

/* Until the next reply. RESULT_AGAIN: not in time, or refused. */
static enum result wait_reply(struct session *s, uint64_t id, int64_t begun_ns, size_t replies, Pavo__Reply **ret_reply,
                              struct error *err)
{
    int64_t end = clock_monotonic_ns() + s->cli->timeout;
    bool shown = false;
    enum result result;
    while ((result = asker_receive(&s->asker, id, ret_reply, err)) == RESULT_AGAIN) {
        zmq_pollitem_t items[] = {{.socket = s->asker.door.socket, .events = ZMQ_POLLIN},
                                  {.socket = s->asker.door.monitor, .events = ZMQ_POLLIN}};
        door_watch(&s->asker.door);
        int64_t now = clock_monotonic_ns();
        bool absent = s->asker.door.state == DOOR_CONNECTING && now - begun_ns > CONNECT_NS;
        if (s->asker.door.state == DOOR_REFUSED || absent || now >= end)
            break;
        (void)zmq_poll(items, 2, STEP_MS);
        show_waiting(clock_monotonic_ns() - begun_ns, replies, &shown);
    }
    hide_waiting(&shown);
    return result;
}

int session_ask(struct session *s, Pavo__Query *query, const char *filter, session_reply *take, void *context)
{
    struct error err;
    uint64_t id;
    int64_t begun = clock_monotonic_ns();
    if (asker_send(&s->asker, query, &id, &err) != RESULT_OK)
        return cli_fail(CLI_UNREACHABLE, "%s", err.text);
    size_t replies = 0;
    for (bool more = true; more; replies++) {
        Pavo__Reply *reply = NULL;
        enum result result = wait_reply(s, id, begun, replies, &reply, &err);
        if (result == RESULT_AGAIN) {
            char text[DOOR_TEXT_MAX];
            return cli_fail(CLI_UNREACHABLE, "%s", door_text(&s->asker.door, s->keys.name, text));
        }
        if (result != RESULT_OK)
            return cli_fail(CLI_UNREACHABLE, "%s", err.text);
        if (reply->error[0] != '\0') {
            int code = say_error(filter, reply);
            pavo__reply__free_unpacked(reply, NULL);
            return code;
        }
        more = reply->more;
        more = take(context, &reply) && more;
        if (reply != NULL)
            pavo__reply__free_unpacked(reply, NULL);
    }
    return -1;
}

bool session_coverage(const struct cli *cli, const Pavo__Coverage *coverage)
{
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], what[128];
    if (coverage == NULL)
        return false;
    for (size_t i = 0; i < coverage->n_losses; i++) {
        const Pavo__Loss *loss = coverage->losses[i];
        cli_note("not seen: sensor %s lost %s between %s and %s%s%s", loss->sensor, show_loss(loss, what, sizeof(what)),
                 time_text((int64_t)loss->from_ns, cli->utc, from), time_text((int64_t)loss->to_ns, cli->utc, to),
                 loss->reason[0] == '\0' ? "" : ": ", loss->reason);
    }
    for (size_t i = 0; i < coverage->n_silent; i++)
        cli_note("not seen: sensor %s said nothing in that time", coverage->silent[i]);
    if (coverage->truncated)
        cli_note(
            "cut off: there is more than was asked for or than one answer may have; narrow the time or raise --limit");
    return coverage->n_losses > 0 || coverage->truncated;
}
