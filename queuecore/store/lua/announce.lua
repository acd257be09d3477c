-- announce: put a queue's name on the list of all queues
-- flags  allow-oom
-- KEYS   1 the list's key, the only one outside the queues' tags
-- ARGV   the queue's name
-- reply  1 when it is new, else 0
return call('SADD', KEYS[1], ARGV[1])
