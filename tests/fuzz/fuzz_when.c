/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a moment, of a person (in a zone by the first byte) and of nobody: what is taken is written as a text
 * that means the same; where not, a sentence names a place that there is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, const struct when_here *here)
{
    struct when when = {0}, again = {0};
    struct error err = {""};
    size_t offset = 0;
    char made[WHEN_TEXT_MAX];
    if (when_parse_span(text, here, &when, &offset, &err) != RESULT_OK) {
        if (err.text[0] == '\0' || offset > strlen(text))
            abort();
        return;
    }
    if (when.from_ns >= when.to_ns || when_parse_span(when_text(&when, made), NULL, &again, NULL, NULL) != RESULT_OK ||
        again.from_ns != when.from_ns || again.to_ns != when.to_ns)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0",
                                        "<-04>4<-03>,M9.1.6/24,M4.1.6/24"};
    const struct when_here here = {.now_ns = 1795645000500000000};
    char *text = size == 0 ? NULL : malloc(size);
    if (text == NULL)
        return 0;
    setenv("TZ", zones[data[0] % 4], 1);
    tzset();
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    check(text, &here);
    check(text, NULL);
    free(text);
    return 0;
}
