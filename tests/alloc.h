/* What allocates asks here first: the functions of alloc_wrap.c or those of alloc_every.c. */
#ifndef ALLOC_H
#define ALLOC_H

/* Counts an allocation. Truth: it is the one that has to fail. */
int check_alloc_fails(void);

#endif
