package childenv

import _ "embed"

// rubyPreload is what Ruby loads before a program: it makes Net::HTTP go through https_proxy, which it ignores.
//
//go:embed preload.rb
var rubyPreload []byte
