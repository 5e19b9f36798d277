defmodule Life.Web.Echo do
  @moduledoc "Returns the body of a POST, so that a client can check that all of it arrived."

  @behaviour :cowboy_handler

  @largest 8 * 1024 * 1024

  @impl true
  def init(%{method: "POST"} = req, state) do
    case read(req, []) do
      {:ok, body, req} ->
        {:ok, Life.Web.reply(req, 200, content_type(req), body), state}

      {:too_large, req} ->
        body = "at most #{@largest} bytes\n"
        {:ok, Life.Web.reply(req, 413, "text/plain", body), state}
    end
  end

  def init(req, state) do
    req = :cowboy_req.set_resp_header("allow", "POST", req)
    {:ok, Life.Web.reply(req, 405, "text/plain", "POST only\n"), state}
  end

  defp read(req, parts) do
    {more, part, req} = :cowboy_req.read_body(req)
    parts = [parts, part]

    cond do
      IO.iodata_length(parts) > @largest -> {:too_large, req}
      more == :more -> read(req, parts)
      true -> {:ok, parts, req}
    end
  end

  defp content_type(req),
    do: :cowboy_req.header("content-type", req, "application/octet-stream")
end
