-- watch: tell a client of the job's next change, unless it already changed
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   token · client · version the client has seen
-- reply  the job's version; 0 when there is no such job. Only if it equals the client's one will the client be told
local token = ARGV[1]
local job = read(token)
if not job then return 0 end
local version = version_of(job)
-- What is completed changes no more.
if version > tonumber(ARGV[3]) or job.state == 'completed' then return version end
local clients = {}
for client in string.gmatch(call('HGET', base .. K_WATCHED, token) or '', '%S+') do
  if client ~= ARGV[2] then clients[#clients + 1] = client end
end
-- Clients that went away leave their names behind: only the latest few are kept.
while #clients > 15 do table.remove(clients, 1) end
clients[#clients + 1] = ARGV[2]
call('HSET', base .. K_WATCHED, token, table.concat(clients, ' '))
return version
