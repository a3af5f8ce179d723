/* A monitor of files that is never there, for Courier's IMAP server: it then looks at mailboxes by itself. */
int FAMOpen(void *connection) { (void)connection; return -1; }
int FAMClose(void *connection) { (void)connection; return -1; }
int FAMMonitorDirectory(void *c, const char *n, void *r, void *d) { (void)c; (void)n; (void)r; (void)d; return -1; }
int FAMMonitorFile(void *c, const char *n, void *r, void *d) { (void)c; (void)n; (void)r; (void)d; return -1; }
int FAMCancelMonitor(void *connection, const void *request) { (void)connection; (void)request; return -1; }
int FAMNextEvent(void *connection, void *event) { (void)connection; (void)event; return -1; }
int FAMPending(void *connection) { (void)connection; return -1; }
