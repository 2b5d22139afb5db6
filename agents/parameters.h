/* parameters.h - the numbers of disclosure control as constants; what each is for stands in parameters.inc. */
#ifndef INNSYN_AGENTS_DISCLOSURE_PARAMETERS_H
#define INNSYN_AGENTS_DISCLOSURE_PARAMETERS_H

enum disclosure_parameter {
#define PARAMETER(name, value, unit, does, costs, protects) name = (value),
#include "agents/parameters.inc"
#undef PARAMETER
};

#endif
