defmodule Life.MixProject do
  use Mix.Project

  def project do
    [
      app: :life,
      version: "0.1.0",
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      elixirc_paths: elixirc_paths(Mix.env()),
      deps: [],
      releases: releases()
    ]
  end

  # Cowboy is listed here and not in `deps`: it is loaded as a plain OTP application
  # through ERL_LIBS, so that the build needs no package manager besides apt.
  def application do
    [
      mod: {Life.Application, []},
      extra_applications: [:logger, :crypto, :cowboy]
    ]
  end

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(_env), do: ["lib"]

  defp releases do
    [
      life: [
        include_executables_for: [:unix],
        steps: [:assemble, :tar]
      ]
    ]
  end
end
