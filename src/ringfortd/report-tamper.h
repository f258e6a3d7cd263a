/* SPDX-License-Identifier: Apache-2.0 */
/* Report-tamper - what can be done to us here, what of it is seen and healed, what was. */
#ifndef RINGFORT_RINGFORTD_REPORT_TAMPER_H
#define RINGFORT_RINGFORTD_REPORT_TAMPER_H

#include "event/json.h"
#include "ringfortd/control.h"

/** report_tamper() - a row for each kind; `gate`: is there one whose marks could be removed? */
void report_tamper(struct json *json, const struct control_tamper *tamper, bool gate);

#endif
