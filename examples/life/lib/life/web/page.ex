defmodule Life.Web.Page do
  @moduledoc "The HTML page: slot, version and the current board."

  @behaviour :cowboy_handler

  @impl true
  def init(req, state) do
    {board, generation} = Life.Game.current()

    html = """
    <!doctype html>
    <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta http-equiv="refresh" content="1">
    <title>life #{Life.version()} on #{escape(Life.slot())}</title>
    <h1>life #{Life.version()}</h1>
    <p>slot <strong>#{escape(Life.slot())}</strong>, generation #{generation}</p>
    <pre>#{Life.Board.to_text(board)}</pre>
    </html>
    """

    {:ok, Life.Web.reply(req, 200, "text/html; charset=utf-8", html), state}
  end

  # The slot's name comes from the environment, so it must be escaped.
  defp escape(text) do
    text
    |> String.replace("&", "&amp;")
    |> String.replace("<", "&lt;")
    |> String.replace(">", "&gt;")
  end
end
