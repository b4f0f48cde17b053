//! Changed paths -> sync | restart | rebuild | rerun | re-read the stack.
