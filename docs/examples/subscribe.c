/* SPDX-License-Identifier: Apache-2.0 */
/* Follows flows with libpavo and prints each as a line of JSON.
 *
 *   cc subscribe.c -o subscribe $(pkg-config --cflags --libs libpavo)
 *   ./subscribe --aggregator HOST[:PORT] --key FILE [--count N] [--oldest] [--filter FILTER] */
#include <getopt.h>
#include <pavo.h>
#include <stdio.h>
#include <stdlib.h>

static int usage(void)
{
    fputs("usage: subscribe --aggregator HOST[:PORT] --key FILE [--count N] [--oldest] [--filter FILTER]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"aggregator", required_argument, NULL, 'a'}, {"key", required_argument, NULL, 'k'},
        {"count", required_argument, NULL, 'n'},      {"oldest", no_argument, NULL, 'o'},
        {"filter", required_argument, NULL, 'f'},     {0}};
    pavo_options *options = pavo_options_new();
    if (options == NULL)
        return 3;
    long count = 0; /* 0: for ever */
    for (int found; (found = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (found == 'a')
            pavo_options_set_aggregator(options, optarg);
        else if (found == 'k')
            pavo_options_set_key_file(options, optarg);
        else if (found == 'n')
            count = strtol(optarg, NULL, 10);
        else if (found == 'o')
            pavo_options_set_start(options, PAVO_TOPIC_FLOWS, PAVO_START_OLDEST);
        else if (found == 'f')
            pavo_options_set_filter(options, optarg);
        else
            return usage();
    }
    char error[PAVO_ERROR_MAX];
    pavo_subscriber *subscriber = pavo_subscriber_new(options, error);
    pavo_options_destroy(&options);
    if (subscriber == NULL) {
        fprintf(stderr, "subscribe: %s\n", error);
        return 3;
    }
    int status = 0;
    for (long printed = 0; status == 0 && (count == 0 || printed < count);) {
        const pavo_event *event;
        switch (pavo_subscriber_next(subscriber, 1000, &event)) {
        case PAVO_OK:
            puts(pavo_event_json(event));
            fflush(stdout);
            printed++;
            break;
        case PAVO_TIMEOUT: /* nothing yet; pavo_subscriber_error() would tell whether the connection stands */
            break;
        default:
            fprintf(stderr, "subscribe: %s\n", pavo_subscriber_error(subscriber));
            status = 3;
        }
    }
    pavo_subscriber_destroy(&subscriber);
    return status;
}
