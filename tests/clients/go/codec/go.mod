module jindou.test/clients/go/codec

go 1.18

require github.com/WuKongIM/WuKongIMGoProto v1.2.3

require (
	github.com/pkg/errors v0.9.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
)
