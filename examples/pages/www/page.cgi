#!/bin/sh
# What the web server starts for each request. A page is made once for each PATH_INFO and QUERY_STRING.
cd "${0%/*}/.." && exec cachex run -q --ttl 15m --only-if REQUEST_METHOD=GET \
  --env REQUEST_METHOD,PATH_INFO,QUERY_STRING -- ./page
