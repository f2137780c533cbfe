# sh act.sh N DEED [ARG]: what every command of the lab is. Says in the ledger that it has started,
# does its deed, and says that it has ended. Each line is one write of dd, appended and synced.
here=${0%/*}
note() {
    read -r up _ </proc/uptime
    printf '%s %s %s %s %s %s\n' "$STEWARD_MESSAGE_ID" "$n" "$up" "$(date +%s.%N)" "$$" "$1" |
        dd of="$here/ledger/$STEWARD_NODE.log" oflag=append conv=notrunc,fsync status=none
}
n=$1
note start
case $2 in
    fail) exit "$3" ;;
    sleep) sleep "$3" && note end ;;
    print) echo "$STEWARD_MESSAGE_ID" && cat "$here/blobs/$3" && note end ;;
esac
