/* SPDX-License-Identifier: Apache-2.0 */
/* flows, verdicts, bindings, losses, statuses, alerts: the records of each kind, as they came. */
#include "aggregator/answer/stored.h"

#define RECORDS_QUESTION(name_, kind_, basis_, summary_)                                                               \
    static const struct parameter parameters_of_##name_[] = STORED_PARAMETERS(kind_, #name_);                          \
    static const struct record_kind *columns_of_##name_(void)                                                          \
    {                                                                                                                  \
        return answer_columns_of(kind_);                                                                               \
    }                                                                                                                  \
    const struct question question_##name_ = {.name = #name_,                                                          \
                                              .summary = summary_,                                                     \
                                              .parameters = parameters_of_##name_,                                     \
                                              .parameter_count = STORED_PARAMETER_COUNT,                               \
                                              .basis = basis_,                                                         \
                                              .columns = columns_of_##name_,                                           \
                                              .run = stored_run};

RECORDS_QUESTION(flows, RECORD_FLOW, QUESTION_OF_TRAFFIC,
                 "Flow records: what each sensor said of its flows, with every status report.")
RECORDS_QUESTION(verdicts, RECORD_VERDICT, QUESTION_OF_TRAFFIC,
                 "Verdicts: what became of each view at each boundary, with every revision.")
RECORDS_QUESTION(bindings, RECORD_BINDING, QUESTION_OF_TRAFFIC,
                 "Bindings: which inside end was which outside end, from when to when, and who says so.")
RECORDS_QUESTION(losses, RECORD_LOSS, QUESTION_OF_SPEECH, "Losses: what is gone, where, and why.")
RECORDS_QUESTION(statuses, RECORD_STATUS, QUESTION_OF_SPEECH, "Statuses: what the sensors said of themselves.")
RECORDS_QUESTION(alerts, RECORD_ALERT, QUESTION_OF_TRAFFIC, "Alerts: what detectors concluded.")
