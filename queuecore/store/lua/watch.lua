-- watch: tell a client of the job's changes until its end, unless it has missed one already
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   token · client, with a `!` if it wants to be told of the end only · version the client has seen
-- reply  0 when there is no such job; a version above the client's one when there is something to look at, and then it will
--        not be told; else the client's own version: it will be told
local token, client, seen = ARGV[1], ARGV[2], tonumber(ARGV[3])
local job = read(token)
if not job then return 0 end
local version = version_of(job)
local only_end = string.sub(client, -1) == '!'
-- What is completed changes no more.
if job.state == 'completed' or version > seen and (not only_end or FINAL[job.state]) then
  return version
end
local clients = {}
for other in string.gmatch(call('HGET', base .. K_WATCHED, token) or '', '%S+') do
  if other ~= client then clients[#clients + 1] = other end
end
-- Clients that went away leave their names behind: only the latest few are kept.
while #clients > 15 do table.remove(clients, 1) end
clients[#clients + 1] = client
call('HSET', base .. K_WATCHED, token, table.concat(clients, ' '))
return seen
