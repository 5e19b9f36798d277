server "life-test", user: "vagrant", roles: %w[app], ssh_options: {
  config: [ENV.fetch("SSH_CONFIG")], keys: [ENV.fetch("SSH_KEY")], keys_only: true, verify_host_key: :never
}
