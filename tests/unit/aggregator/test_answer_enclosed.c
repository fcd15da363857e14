/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a filter names: from the command, in parts over the door, to the rows they choose; and what is too much.
 */
#include "aggregator/answer/enclosed.h"

#include "tests/unit/aggregator/stage.h"

static struct bytes pack_text(const char *text)
{
    struct address_set *set;
    struct bytes packed;
    FILE *file = fmemopen((void *)text, strlen(text), "r");
    assert_non_null(file);
    assert_ok(address_set_read(file, &set, &err), err);
    fclose(file);
    assert_ok(address_set_pack(set, &packed, &err), err);
    address_set_unref(&set);
    return packed;
}

/* ---- what waits for its query */

static void add(struct enclosed **enclosed, uint64_t id, const char *name, const void *data, size_t length,
                size_t *total)
{
    Pavo__Set part = PAVO__SET__INIT;
    part.name = (char *)name;
    part.part = (ProtobufCBinaryData){.data = (uint8_t *)data, .len = length};
    enclosed_add(enclosed, id, &part, total);
}

static void test_parts_are_joined(void **state)
{
    (void)state;
    struct enclosed *waiting = NULL;
    struct filter_set sets[FILTER_SETS_MAX];
    struct budget memory = {1 << 20};
    struct bytes packed = pack_text("10.0.0.0/8\n"), other = pack_text("192.0.2.1\n");
    size_t total = 0, count;
    for (size_t i = 0; i < packed.length; i++)
        add(&waiting, 7, "a", packed.data + i, 1, &total);
    add(&waiting, 7, "b", other.data, other.length, &total);
    assert_int_equal(total, packed.length + other.length);
    assert_null(enclosed_take(&waiting, 8));
    struct enclosed *taken = enclosed_take(&waiting, 7);
    assert_non_null(taken);
    assert_null(waiting);
    assert_null(enclosed_refusal(taken));
    assert_ok(enclosed_read(taken, &memory, sets, &count, &err), err);
    assert_int_equal(count, 2);
    assert_string_equal(sets[0].name, "a");
    assert_true(address_set_has(sets[0].set, address_from_ipv4(0x0a010203)));
    assert_true(address_set_has(sets[1].set, address_from_ipv4(0xc0000201)));
    assert_int_equal(memory.left, (1 << 20) - address_set_size(sets[0].set) - address_set_size(sets[1].set));
    enclosed_drop(sets, count);
    memory.left = 1000;
    assert_int_equal(enclosed_read(taken, &memory, sets, &count, &err), RESULT_REJECT);
    enclosed_free(&taken, &total);
    assert_int_equal(total, 0);
    bytes_free(&packed);
    bytes_free(&other);
}

/* What a client began to send and did not ask for makes room for what it sends next. */
static void test_another_id_is_another_query(void **state)
{
    (void)state;
    struct enclosed *waiting = NULL;
    size_t total = 0;
    add(&waiting, 1, "a", "12345", 5, &total);
    add(&waiting, 2, "a", "1", 1, &total);
    assert_int_equal(total, 1);
    assert_null(enclosed_take(&waiting, 1));
    enclosed_free(&waiting, &total);
    assert_int_equal(total, 0);
}

static void test_what_waits_is_bounded(void **state)
{
    (void)state;
    static uint8_t part[1 << 20];
    struct enclosed *one = NULL, *others[5] = {NULL};
    size_t total = 0;
    for (unsigned i = 0; i < ANSWER_ENCLOSED_MAX / sizeof(part); i++)
        add(&one, 1, "a", part, sizeof(part), &total);
    assert_null(enclosed_refusal(one));
    assert_int_equal(total, ANSWER_ENCLOSED_MAX);
    add(&one, 1, "a", part, 1, &total);
    assert_non_null(enclosed_refusal(one));
    assert_int_equal(total, 0); /* nothing of it is kept */
    add(&one, 1, "a", part, 1, &total);
    assert_int_equal(total, 0);
    enclosed_free(&one, &total);
    for (unsigned connection = 0; connection < 5; connection++) {
        for (unsigned i = 0; i < ANSWER_ENCLOSED_MAX / sizeof(part); i++)
            add(&others[connection], 1, "a", part, sizeof(part), &total);
    }
    assert_int_equal(total, ANSWER_ENCLOSED_ALL);
    assert_null(enclosed_refusal(others[3]));
    assert_non_null(enclosed_refusal(others[4]));
    for (unsigned i = 0; i < 5; i++)
        enclosed_free(&others[i], &total);
    char name[2] = "a";
    for (unsigned i = 0; i <= FILTER_SETS_MAX; i++, name[0]++)
        add(&one, 1, name, part, 1, &total);
    assert_non_null(enclosed_refusal(one));
    enclosed_free(&one, &total);
    assert_int_equal(total, 0);
}

/* ---- through the door */

static const struct answer *ask_with(const char *filter, const char *name, const struct bytes *packed, uint64_t id)
{
    void *socket = connect_to(ZMQ_DEALER, aggregator_endpoints(aggregator).answer, &reader_keys);
    Pavo__Query query = PAVO__QUERY__INIT, part = PAVO__QUERY__INIT;
    Pavo__Set set = PAVO__SET__INIT;
    Pavo__Argument argument = PAVO__ARGUMENT__INIT, *arguments[] = {&argument};
    struct answer *a = calloc(1, sizeof(*a));
    answers[answer_count++] = a;
    part.version = 1;
    part.id = id;
    part.set = &set;
    set.name = (char *)name;
    for (size_t at = 0; at < packed->length; at += 7) {
        size_t left = packed->length - at;
        set.part = (ProtobufCBinaryData){.data = packed->data + at, .len = left < 7 ? left : 7};
        send_query(socket, &part);
    }
    argument.name = "filter";
    argument.value = (char *)filter;
    query.version = 1;
    query.id = 5;
    query.question = "find";
    query.arguments = arguments;
    query.n_arguments = 1;
    send_query(socket, &query);
    while (a->end == NULL) {
        Pavo__Reply *reply = next_reply(socket);
        assert_int_equal(reply->id, 5); /* nothing in reply to the parts */
        take_reply(a, reply);
        if (!reply->more)
            a->end = reply;
        else
            pavo__reply__free_unpacked(reply, NULL);
    }
    close_socket(socket);
    return a;
}

static void commit_flows(uint32_t rows)
{
    char reason[128] = "";
    struct observer observer = test_observer("inner", 5);
    struct flow_batch *flows = test_flows(&observer, 1000, rows, clock_wall_ns());
    void *socket = sensor_socket(&inner_keys);
    send_records(socket, "inner", 5, 1, flow_records(flows), FAULT_NONE);
    assert_true(acknowledged(socket, 1, reason));
    flow_batch_destroy(&flows);
    close_socket(socket);
}

static void test_a_set_comes_with_its_query(void **state)
{
    (void)state;
    struct bytes packed = pack_text("10.0.0.0/8\n"), none = pack_text("192.0.2.0/24\n"), damaged = {packed.data, 20};
    commit_flows(100);
    uint64_t inside = find_rows("src net 10.0.0.0/8");
    assert_true(inside > 0);
    assert_int_equal(ask_with("src in file bad.txt", "bad.txt", &packed, 5)->rows, inside);
    assert_int_equal(ask_with("src not in file bad.txt", "bad.txt", &packed, 5)->rows, 100 - inside);
    assert_int_equal(ask_with("host in file bad.txt", "bad.txt", &none, 5)->rows, 0);
    const struct answer *other = ask_with("src in file bad.txt", "bad.txt", &packed, 4);
    assert_non_null(strstr(other->error, "no addresses came with 'bad.txt'"));
    assert_string_equal(other->parameter, "filter");
    assert_int_equal(other->offset, 12);
    assert_non_null(strstr(ask_with("src in file b.txt", "bad.txt", &packed, 5)->error, "no addresses came"));
    assert_non_null(strstr(ask_with("src in file bad.txt", "bad.txt", &damaged, 5)->error, "file 'bad.txt': "));
    bytes_free(&packed);
    bytes_free(&none);
}

/* ---- the command */

static const char *pavo;

/* Its exit status; how many lines it printed. */
static int run_pavo(const char *filter, unsigned *ret_lines)
{
    char key[128], command[1024];
    snprintf(key, sizeof(key), "%s/me.key", test_directory);
    if (access(key, F_OK) != 0)
        assert_ok(keys_write(key, &reader_keys, &err), err);
    snprintf(command, sizeof(command), "'%s' --key '%s' --answer '%s' find --json '%s' 2>&1", pavo, key,
             aggregator_endpoints(aggregator).answer, filter);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    int c;
    for (*ret_lines = 0; (c = fgetc(output)) != EOF;)
        *ret_lines += c == '\n';
    int status = pclose(output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Half a million lines are more than one message of ZeroMQ's may be at the door. */
static void test_pavo_sends_a_large_file(void **state)
{
    (void)state;
    char path[128], filter[256];
    unsigned lines;
    snprintf(path, sizeof(path), "%s/bad-hosts.txt", test_directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (uint32_t i = 0; i < 500000; i++)
        fprintf(file, "172.%u.%u.%u\n", 16 + (i * 7 >> 16 & 63), i * 7 >> 8 & 255, i * 7 & 255);
    fprintf(file, "10.0.0.0/8\n");
    assert_int_equal(fclose(file), 0);
    commit_flows(20);
    uint64_t inside = find_rows("src net 10.0.0.0/8");
    snprintf(filter, sizeof(filter), "src in file %s", path);
    assert_int_equal(run_pavo(filter, &lines), 0);
    assert_true(lines >= inside);
    snprintf(filter, sizeof(filter), "src in file %s and not src net 10", path);
    assert_int_equal(run_pavo(filter, &lines), 1); /* nothing found */
    assert_int_equal(run_pavo("src in file /nonexistent/hosts", &lines), 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_are_joined),      cmocka_unit_test(test_another_id_is_another_query),
        cmocka_unit_test(test_what_waits_is_bounded), STAGE_TEST(test_a_set_comes_with_its_query),
        STAGE_TEST(test_pavo_sends_a_large_file),
    };
    pavo = argc > 1 ? argv[1] : "pavo";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
