/* SPDX-License-Identifier: Apache-2.0 */
/* pavo sign: a reader lets a console or gateway ask in the reader's name for a while. Asks nobody; the key stays here.
 */
#include <stdio.h>

#include <pavo.h>

#include "aggregator/cli/cli.h"
#include "common/clock.h"

#define FOR_DEFAULT (12 * 3600 * NS_PER_S)

static int sign(const struct cli *cli, const char *challenge, int64_t span_ns)
{
    char path[CLI_PATH_MAX], signature[PAVO_SIGNATURE_MAX], error[PAVO_ERROR_MAX];
    if (!cli_key_path(cli, path))
        return CLI_UNREACHABLE;
    if (!pavo_delegation_sign(path, challenge, (unsigned)(span_ns / NS_PER_S), signature, error))
        return cli_fail(CLI_UNREACHABLE, "%s", error);
    puts(signature);
    return CLI_ANSWERED;
}

int cli_sign(struct cli *cli, int argc, char **argv)
{
    int64_t span = FOR_DEFAULT;
    const struct option_spec specs[] = {
        {.name = "for",
         .kind = OPTION_DURATION,
         .target = &span,
         .argument = "TIME",
         .min = NS_PER_S,
         .max = UINT32_MAX * NS_PER_S,
         .group = "What is allowed",
         .help = "how long it may ask in your name, from when it hands the signature in: 12h at most, which is the "
                 "default"},
        {0}};
    const struct options options = {
        .program = "pavo sign",
        .usage = "[OPTION]... CHALLENGE",
        .about = "Signs the challenge that a console or gateway shows you, with your reader's key, and prints the "
                 "signature to give back to it: from then on it asks the aggregator in your name, until the time is "
                 "over or one of the two keys is revoked. Your key stays here, and nobody is asked.",
        .examples = "pavo sign --for 2h CHALLENGE",
        .specs = specs,
    };
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (argc - first != 1)
        return cli_fail(CLI_USAGE, "one challenge was expected: pavo sign CHALLENGE");
    return sign(cli, argv[first], span);
}
