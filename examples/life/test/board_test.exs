defmodule Life.BoardTest do
  use ExUnit.Case, async: true

  alias Life.Board

  test "a block stays as it is" do
    block = Board.new([{1, 1}, {1, 2}, {2, 1}, {2, 2}])
    assert Board.next(block) == block
  end

  test "a blinker turns, and turns back" do
    upright = Board.new([{5, 4}, {5, 5}, {5, 6}])
    lying = Board.new([{4, 5}, {5, 5}, {6, 5}])

    assert Board.next(upright) == lying
    assert Board.next(lying) == upright
  end

  test "a lonely cell dies, and nothing is born of nothing" do
    assert Board.next(Board.new([{3, 3}])) == Board.new([])
    assert Board.next(Board.new([])) == Board.new([])
  end

  test "the edges are joined: a glider comes round" do
    glider = Board.new([{1, 0}, {2, 1}, {0, 2}, {1, 2}, {2, 2}])
    # One cell each way in four generations, on a board of 48 by 24.
    assert glider |> Stream.iterate(&Board.next/1) |> Enum.at(4 * 48) == glider
  end
end
