/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts as lines of JSON, going on where it ended: follow_verdicts AGGREGATOR KEY-FILE POSITION-FILE */
#include <err.h>
#include <fcntl.h>
#include <pavo.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char error[PAVO_ERROR_MAX] = "";
    unsigned long long position = PAVO_START_OLDEST;
    FILE *kept = fdopen(argc == 4 ? open(argv[3], O_RDWR | O_CREAT, 0600) : -1, "r+");
    if (kept == NULL || fscanf(kept, "%llu", &position) == 0)
        errx(2, "usage: follow_verdicts AGGREGATOR KEY-FILE POSITION-FILE");
    pavo_options *options = pavo_options_new();
    pavo_options_set_aggregator(options, argv[1]);
    pavo_options_set_key_file(options, argv[2]);
    pavo_options_set_topics(options, PAVO_TOPIC_VERDICT);
    pavo_options_set_start(options, PAVO_TOPIC_VERDICT, position);
    pavo_subscriber *subscriber = pavo_subscriber_new(options, error);
    for (const pavo_event *event; rewind(kept), pavo_subscriber_next(subscriber, -1, &event) == PAVO_OK;)
        if (puts(pavo_event_json(event)) >= 0 && fflush(stdout) == 0)
            fprintf(kept, "%020llu\n", (unsigned long long)pavo_subscriber_position(subscriber, PAVO_TOPIC_VERDICT));
    errx(3, "%s", subscriber == NULL ? error : pavo_subscriber_error(subscriber));
}
