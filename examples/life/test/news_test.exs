defmodule Life.NewsTest do
  use ExUnit.Case

  setup do
    {:ok, _} = Registry.register(Life.Sockets, :all, nil)
    :ok
  end

  test "the news reach the sockets" do
    assert Life.News.broadcast("hello") == 1
    assert_receive {:news, "hello"}
  end

  test "a message of another release changes nothing" do
    [member] = :pg.get_members(Life.News, :all)
    send(member, {:news_99, "hello", %{more: true}})
    Life.News.broadcast("still there")
    assert_receive {:news, "still there"}
    refute_received {:news, "hello"}
  end
end
