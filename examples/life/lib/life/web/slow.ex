defmodule Life.Web.Slow do
  @moduledoc "Responds after `?ms=` milliseconds, to keep a request in flight during a switch."

  @behaviour :cowboy_handler

  @longest_ms 60_000

  @impl true
  def init(req, state) do
    case milliseconds(req) do
      {:ok, ms} ->
        Process.sleep(ms)
        {:ok, Life.Web.reply(req, 200, "text/plain", "waited #{ms} ms\n"), state}

      :error ->
        body = "ms must be a whole number from 0 to #{@longest_ms}\n"
        {:ok, Life.Web.reply(req, 400, "text/plain", body), state}
    end
  end

  defp milliseconds(req) do
    with {"ms", value} when is_binary(value) <- List.keyfind(:cowboy_req.parse_qs(req), "ms", 0),
         {ms, ""} when ms in 0..@longest_ms <- Integer.parse(value) do
      {:ok, ms}
    else
      _ -> :error
    end
  end
end
