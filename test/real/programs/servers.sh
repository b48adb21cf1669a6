# Servers and their clients in one sandbox: Redis and nginx. A socket has its name in memory.
set -eu
until_ready() { for _ in $(seq 1 1000); do "$@" > /dev/null 2>&1 && return; sleep 0.1; done; echo "never ready: $*"; exit 1; }

redis= nginx=
sockets=$(mktemp -d)
trap 'rm -r "$sockets"; [ -z "$redis$nginx" ] || kill $redis $nginx' EXIT

redis-server --port 7399 --unixsocket "$sockets/redis" --dir "$PWD" --save '' --appendonly yes --logfile redis.log --bind 127.0.0.1 &
redis=$!
cli() { redis-cli -p 7399 "$@"; }
until_ready cli ping
cli ping; cli set key value; cli incr counter; cli -s "$sockets/redis" get key
redis-benchmark -p 7399 -q -n 2000 -c 20 -P 4 -t ping,set,get,incr,lpush,lrange_100,mset | tr '\r' '\n' | sed -n 's/: [0-9.]* requests.*/: measured/p'
cli get counter:__rand_int__; cli llen mylist; cli exists key counter
printf 'MULTI\nRPUSH list a b c\nLRANGE list 0 -1\nEXEC\n' | cli; cli eval 'return redis.call("get", KEYS[1]) .. ARGV[1]' 1 key '!'
cli save; cli bgrewriteaof; cli --bigkeys > /dev/null; cli expire key 100; cli ttl key | grep -c .
cli blpop queue 300 > popped & waiting=$!
until_ready sh -c 'redis-cli -p 7399 client list | grep -q blpop'
cli lpush queue item; wait "$waiting"; cat popped
cli shutdown nosave || true; wait "$redis"; echo "redis: $?"; redis=; redis-check-aof appendonlydir/*.manifest | tail -n 1

mkdir -p site logs; echo 'a page' > site/index.html; head -c 3000000 /dev/zero > site/large; yes text | head -n 5000 > site/text
cat > nginx.conf <<END
worker_processes 2; pid $PWD/nginx.pid; error_log $PWD/logs/error notice; daemon off; user root;
events { worker_connections 64; }
http {
  access_log $PWD/logs/access; sendfile on; gzip on; gzip_types text/plain; default_type text/plain;
  client_body_temp_path $PWD/body; proxy_temp_path $PWD/proxy; fastcgi_temp_path $PWD/fastcgi;
  uwsgi_temp_path $PWD/uwsgi; scgi_temp_path $PWD/scgi;
  server { listen 127.0.0.1:7398; root $PWD/site; location /behind/ { proxy_pass http://127.0.0.1:7398/; } }
}
END
nginx -p "$PWD" -c nginx.conf -e logs/error &
nginx=$!
get() { curl -sS --max-time 300 "$@"; }
page=http://127.0.0.1:7398
until_ready get "$page/"
get "$page/"; get "$page/behind/"; get "$page/large" | cmp - site/large && echo large; get --compressed "$page/text" | cmp - site/text && echo compressed
get -o /dev/null -w '%{http_code} %{size_download} %{content_type}\n' "$page/missing" "$page/index.html"
get -r 2-5 "$page/index.html"; echo; get -I "$page/text" | grep -i '^content'
for n in $(seq 1 10); do get "$page/text" | wc -c & done | sort | uniq -c; [ "$(wc -l < logs/access)" -gt 15 ] && echo logged
kill -HUP "$nginx"; until_ready grep -q reconfiguring logs/error; until_ready get "$page/"; get "$page/"
kill -QUIT "$nginx"; wait "$nginx"; echo "nginx: $?"; nginx=; get "$page/" || echo "curl: $?"
