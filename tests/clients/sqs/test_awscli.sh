#!/usr/bin/env bash
# A queue's life from the command line of AWS. LEDGERQ_SQS is the endpoint's URL, AWS the program.
set -euo pipefail

export AWS_DEFAULT_REGION=us-west-2 AWS_PAGER= AWS_MAX_ATTEMPTS=1
export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=thing AWS_EC2_METADATA_DISABLED=true
aws=${AWS:-aws}
# Version 1 takes no notice of AWS_ENDPOINT_URL for this service.
sqs() { "$aws" --endpoint-url "$LEDGERQ_SQS" --output text sqs "$@"; }
same() { [ "$1" = "$2" ] || { echo "expected '$2', found '$1'" >&2; exit 1; }; }

name=cli-$$-$RANDOM
url=$(sqs create-queue --queue-name "$name" --attributes VisibilityTimeout=60 --tags team=a)
same "$url" "$LEDGERQ_SQS/000000000000/$name"
same "$(sqs get-queue-url --queue-name "$name")" "$url"
same "$(sqs list-queues --queue-name-prefix "$name" --query 'QueueUrls[0]')" "$url"
same "$(sqs list-queue-tags --queue-url "$url" --query Tags.team)" a

sqs send-message --queue-url "$url" --message-body 'hello there' \
    --message-attributes 'color={DataType=String,StringValue=red}' >/dev/null
IFS=$'\t' read -r handle color body < <(sqs receive-message --queue-url "$url" \
    --wait-time-seconds 5 --message-attribute-names All \
    --query 'Messages[0].[ReceiptHandle,MessageAttributes.color.StringValue,Body]')
same "$color, $body" "red, hello there"
sqs change-message-visibility --queue-url "$url" --receipt-handle "$handle" --visibility-timeout 90
sqs delete-message --queue-url "$url" --receipt-handle "$handle"

counts=$(sqs get-queue-attributes --queue-url "$url" --attribute-names All --query \
    'Attributes.[ApproximateNumberOfMessages,ApproximateNumberOfMessagesNotVisible,QueueArn]')
same "$counts" "$(printf '0\t0\tarn:aws:sqs:us-west-2:000000000000:%s' "$name")"
sqs delete-queue --queue-url "$url"
error=$(sqs get-queue-url --queue-name "$name" 2>&1) && { echo "it is still there" >&2; exit 1; }
case $error in
*AWS.SimpleQueueService.NonExistentQueue*) ;;
*) echo "another error: $error" >&2; exit 1 ;;
esac
echo "$("$aws" --version | cut -d' ' -f1): a queue's life passed"
