# SPDX-License-Identifier: Apache-2.0
# Loaded by `botorate run` before a Ruby program (RUBYOPT=-r). Ruby's Net::HTTP, on which the AWS SDK for Ruby is built, looks for
# http_proxy also when it speaks TLS; this makes it look for https_proxy then. It waits until the program loads Net::HTTP itself:
# loading it here would fix the version of gems that the program may want in another.
module BotorateProxy
  def proxy_uri
    return super unless use_ssl?

    proxy = ENV['https_proxy'] || ENV['HTTPS_PROXY'] || ''
    bypassed = ENV['no_proxy'] || ENV['NO_PROXY'] || ''
    URI.parse(proxy) if !proxy.empty? && URI::Generic.use_proxy?(address, nil, port, bypassed)
  end
end

name = Module.instance_method(:name)
watch = TracePoint.new(:class) do |event|
  if name.bind_call(event.self) == 'Net::HTTP'
    event.self.prepend(BotorateProxy)
    watch.disable
  end
end
watch.enable
