#!/bin/sh
# Makes the first inputs of each target, below fuzz/corpus. They are made up here; none is anybody's data.
set -eu
cd "$(dirname "$0")"

seed() { # target name; the input comes on stdin
    mkdir -p "corpus/$1"
    cat > "corpus/$1/$2"
}

row() { # table's number in octal, cutting, mode, rows behind the header
    printf "\\$1\\$2\\$3"
    printf '%s\n' "$4"
}

names='deribit,BTC-PERPETUAL,1709251200000000,1709251200000001'
row 000 007 017 "$names,9863668e-1b2c,buy,61234.5,1e-7" | seed decoder trades
row 000 001 010 "$names,,unknown,0.10,123456789012345678901" | seed decoder trades-long
row 001 002 017 "$names,true,ask,61235,0" | seed decoder book
row 002 100 017 "$names,1,2,3,4,,,,,5.5,6,,,7,8,,,9,1,," | seed decoder snapshot-5
row 004 003 017 "$names,2.6,61235,,10.0" | seed decoder quotes
row 006 005 017 "$names,1709280000000000,-0.0000125,,37614.69,,61230.01,61231" | seed decoder ticker
row 007 011 017 "$names,ETH-77,sell,3400.05,1" | seed decoder liquidations
row 010 013 010 "deribit,BTC-29MAR24-60000-C,1709251200000000,1709251200000001,call,60000,1711699200000000,,,,,,,,,,,SYN.BTC,,,,,," |
    seed decoder options
printf '\000\001\000exchange,symbol,timestamp,local_timestamp,id,side,price,amount,fee\r\n%s,1,buy,1,2,3\r\n\n"q",\377,1' "$names" |
    seed decoder oddities

number=0
for key in BINANCE:SPOT_PAIR:BTC-USDT deribit:perpetual:btc-usd DERIBIT:OPTION:XRP-USDC-241227-1.14-PUT \
    OKX-FUTURES:FUTURE:BTC-USD-260626~UM CME:OPTION:ES-202412-4500-CALL DERIBIT:COMBO:BTC-FS-28MAR25_PERP \
    BTC-27DEC24-50000-C XRP_USDC-29MAR24-0D55-P XBT/USD BTCF0:USTF0 @107 1000SHIBUSDT KRW-BTC BTC-USD-240329 \
    deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz binance_trades_2024-03-01_BTCUSDT.csv 'BINANCE btc usdt'; do
    number=$((number + 1))
    printf "\\00$((number % 8))%s" "$key" | seed instrument_key "$number"
done

since='"availableSince":"2019-03-30T00:00:00.000Z"'
exchange='{"id":"deribit","availableSymbols":[{"id":"BTC-PERPETUAL","type":"perpetual",'$since'},'
exchange=$exchange'{"id":"BTC-29MAR24-60000-C","type":"option",'$since',"availableTo":"2024-03-29T08:00:00.000Z"}],'
exchange=$exchange'"incidentReports":[{"from":"2020-01-01T00:00:00Z","to":"2020-01-01T01:00:00Z","status":"resolved"}],'
exchange=$exchange'"datasets":{"exportedUntil":"2024-03-03T00:00:00.000Z","symbols":[{"id":"BTC-PERPETUAL",'
exchange=$exchange'"type":"perpetual",'$since',"dataTypes":["trades","quotes"],"stats":{"trades":5,"bookChanges":6}},'
exchange=$exchange'{"id":"OPTIONS","type":"option",'$since',"dataTypes":["options_chain"]}]}}'
printf '%s' "$exchange" | seed metadata_json exchange
terms='[{"id":"BTC-29MAR24-60000-C","type":"option","baseCurrency":"BTC","quoteCurrency":"USD",'
terms=$terms'"expiry":"2024-03-29T08:00:00.000Z","strikePrice":60000,"optionType":"call","inverse":true}]'
{ printf '%s\0' "$exchange"; printf '%s' "$terms"; } | seed metadata_json terms
printf '%s' '[{"id":"deribit","name":"Deribit",'$since'}]' | seed metadata_json exchanges
printf '%s' '[{"exchange":"deribit","from":null,"to":null,"dataPlan":"pro"}]' | seed metadata_json key

# Exchange, mode, messages that end with a zero byte.
feed() { # exchange's number in octal, mode, name; the messages come on stdin, one a line
    { printf "\\$1\\$2"; tr '\n' '\000'; } | seed live_feed "$3"
}
feed 000 000 binance <<'EOF'
{"stream":"xusdt@trade","data":{"e":"trade","E":1,"s":"XUSDT","t":7,"p":"1.5","q":"2","T":1,"m":true}}
{"stream":"xusdt@depth@100ms","data":{"e":"depthUpdate","E":2,"s":"XUSDT","U":5,"u":9,"b":[["1","2"]],"a":[["3","0"]]}}
{"stream":"xusdt@depthSnapshot","generated":true,"data":{"lastUpdateId":7,"bids":[["1","1"]],"asks":[["3","4"]]}}
{"stream":"xusdt@bookTicker","data":{"u":9,"s":"XUSDT","b":"1","B":"2","a":"3","A":"4"}}
EOF
feed 001 003 binance-futures <<'EOF'
{"stream":"xusdt@depth@0ms","data":{"e":"depthUpdate","E":2,"T":1,"s":"XUSDT","U":5,"u":9,"pu":4,"b":[],"a":[["3","0"]]}}
{"stream":"xusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1,"s":"XUSDT","p":"1","i":"1.5","r":"0.0001","T":9}}
{"stream":"xusdt@forceOrder","data":{"e":"forceOrder","E":1,"o":{"s":"XUSDT","S":"SELL","p":"1","X":"FILLED","z":"2","T":1}}}
EOF
feed 003 000 deribit <<'EOF'
{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.X.raw","data":{"type":"snapshot","timestamp":1,"instrument_name":"X","change_id":5,"bids":[["new",1.5,2]],"asks":[]}}}
{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.X.raw","data":{"type":"change","timestamp":2,"instrument_name":"X","change_id":9,"prev_change_id":5,"bids":[["delete",1.5,0]],"asks":[]}}}
{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.X.raw","data":[{"trade_seq":1,"trade_id":"a-1","timestamp":1,"price":1,"instrument_name":"X","direction":"sell","amount":2,"liquidation":"MT"}]}}
{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}
EOF
