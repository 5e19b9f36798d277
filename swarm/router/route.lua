-- The route of this node. `GET /route` tells it, and how many tasks of each slot this router can reach; `POST /route` moves it, if the new route has a higher
-- term: so a run that was overtaken cannot move it any more. The file is written first: a router that dies in between comes up with the new route, and the caller learns nothing, so it
-- asks again or takes all of it back.
local FILE = "/route/live.map"

local function read()
  local file = io.open(FILE)
  if not file then return "none.0" end
  local line = file:read("l") or ""
  file:close()
  return line:match("^live (%S+)$") or "none.0"
end

local route = read()

local function term(of)
  return tonumber(of:match("%.(%d+)")) or 0
end

local function write(to)
  local file, why = io.open(FILE .. ".next", "w")
  if not file then return why end
  file:write("live " .. to .. "\n")
  file:close()
  local done, problem = os.rename(FILE .. ".next", FILE)
  if not done then return problem end
end

local function up()
  local counts = {}
  for name, backend in pairs(core.backends) do
    local slot = name:match("^slot_(.+)$")
    if slot then
      local count = 0
      for _, server in pairs(backend.servers) do
        if server:get_stats().status:match("^UP") then count = count + 1 end
      end
      counts[#counts + 1] = string.format('"%s":%d', slot, count)
    end
  end
  return table.concat(counts, ",")
end

local function answer(applet, status)
  local body = string.format('{"node":"%s","route":"%s","up":{%s}}\n', os.getenv("NODE") or "", route, up())
  applet:set_status(status)
  applet:add_header("content-type", "application/json")
  applet:add_header("content-length", tostring(#body))
  applet:start_response()
  applet:send(body)
end

local function header(applet, name)
  local values = applet.headers[name]
  return values and values[0] or ""
end

core.register_service("route", "http", function(applet)
  if applet.method ~= "POST" then return answer(applet, 200) end
  local to = header(applet, "x-to")
  if not to:match("^[a-z][a-z0-9_]*%.[%w-]+$") then return answer(applet, 400) end
  if to ~= route and term(to) <= term(route) then return answer(applet, 409) end
  local problem = write(to)
  if problem then
    core.Alert("the route cannot be written: " .. problem)
    return answer(applet, 500)
  end
  core.set_map(FILE, "live", to)
  route = to
  answer(applet, 200)
end)
