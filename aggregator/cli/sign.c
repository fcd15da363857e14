/* SPDX-License-Identifier: Apache-2.0 */
/* pavo sign: a reader lets a console or gateway ask in the reader's name for a while. Asks nobody; the key stays here.
 */
#include <stdio.h>
#include <unistd.h>

#include <pavo.h>

#include "aggregator/cli/cli.h"
#include "common/clock.h"

#define FOR_MAX (12 * 3600 * NS_PER_S) /* what a delegation lasts at most */

static int sign(const struct cli *cli, const char *challenge, int64_t span_ns)
{
    char path[CLI_PATH_MAX], signature[PAVO_SIGNATURE_MAX], error[PAVO_ERROR_MAX];
    if (!cli_key_path(cli, path))
        return CLI_UNREACHABLE;
    /* With a key at hand it is the challenge that is wrong, or that the two do not belong together. */
    int code = access(path, R_OK) == 0 ? CLI_USAGE : CLI_UNREACHABLE;
    if (!pavo_delegation_sign(path, challenge, (unsigned)(span_ns / NS_PER_S), signature, error))
        return cli_fail(code, "%s", error);
    puts(signature);
    return CLI_ANSWERED;
}

int cli_sign(struct cli *cli, int argc, char **argv)
{
    int64_t span = FOR_MAX;
    const struct option_spec specs[] = {
        {.name = "for",
         .kind = OPTION_DURATION,
         .target = &span,
         .argument = "TIME",
         .group = "What is allowed",
         .help = "how long it may ask in your name, from when it hands the signature in: 12h at most, which is the "
                 "default"},
        {0}};
    const struct options options = {
        .program = "pavo sign",
        .usage = "[OPTION]... CHALLENGE",
        .about =
            "Signs the challenge that a console or gateway shows you, with your reader's key, and prints the "
            "signature to give back to it: from then on it asks the aggregator in your name, until the time is "
            "over or one of the two keys is revoked. Your key stays here, and nobody is asked. Write the challenge in "
            "single quotes: it has blanks and characters that a shell takes for its own.",
        .examples = "pavo sign --for 2h 'pavo-challenge 1 rq:rM>}U?@Lns ... console JTKVSB%%)wK0 ... analyst ...'",
        .specs = specs,
    };
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (argc - first != 1)
        return cli_fail(CLI_USAGE, "one challenge was expected, in single quotes: pavo sign 'pavo-challenge 1 ...'");
    if (span < NS_PER_S || span > FOR_MAX)
        return cli_fail(CLI_USAGE, "--for: a delegation lasts from 1s to 12h");
    return sign(cli, argv[first], span);
}
