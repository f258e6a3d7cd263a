/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the value of a field is made: the functions that mapping-tables.c names in its rows.
 *
 * proc_* read struct ringfort_process, body_* the struct of the event's type, at row->offset.
 */
#ifndef SIGMA_MAPPING_FIELDS_H
#define SIGMA_MAPPING_FIELDS_H

#include "mapping-tables.h"

typedef void field_maker(struct maker *maker, const struct field_row *row, struct sigma_value *ret);

field_maker make_constant;   /* row->text */
field_maker make_constants;  /* row->text, cut at blanks: a list */
field_maker make_image;      /* of the acting process */
field_maker make_exec_image; /* of process.exec: the new one */
field_maker make_parent_image;
field_maker make_comm;       /* the image's name, at most 15 bytes, as the kernel cuts it */
field_maker make_proc_u32;
field_maker make_proc_id;    /* likewise, but absent when it is -1 */
field_maker make_proc_user;  /* root for 0, else the number */
field_maker make_proc_str;
field_maker make_proc_line;  /* of a list of arguments: joined by blanks */
field_maker make_body_u32;
field_maker make_body_octal;
field_maker make_body_str;
field_maker make_body_file;  /* its path */
field_maker make_body_line;
field_maker make_body_list;
field_maker make_body_argument; /* number row->index */
field_maker make_body_enum;  /* row->text is the set */
field_maker make_body_flags; /* likewise: a list */
field_maker make_body_ip;
field_maker make_body_port;
field_maker make_body_ipv6;  /* true or false */
field_maker make_body_target_pid;

/* make_called() - a path as called, made absolute with the working directory; absent when there
 * is none */
void make_called(struct maker *maker, struct ringfort_span called, struct sigma_value *ret);

#endif
