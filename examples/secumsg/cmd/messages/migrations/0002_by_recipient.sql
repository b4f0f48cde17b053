create index messages_by_recipient on messages (recipient, id);
