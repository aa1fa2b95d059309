"""Puts an agency's dead letters back into its queue, once what failed was mended: python requeue.py AGENCY

Settings: AMQP_URL (a user who may read `<agency>.dead` and write to `alerts`). Needs pika. A letter
leaves the dead queue only after RabbitMQ has confirmed its copy, so none is lost.
"""

import os
import sys

import pika


def main(agency: str) -> None:
    """Put back what is there now."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    channel.confirm_delivery()  # from here on, publishing waits, and raises on a no
    waiting = channel.queue_declare(f"{agency}.dead", passive=True).method.message_count
    for _ in range(waiting):
        method, properties, body = channel.basic_get(f"{agency}.dead")
        if method is None:
            break
        death = properties.headers["x-death"][0]  # where it lay before it died
        properties.headers = None
        channel.basic_publish(
            death["exchange"], death["routing-keys"][0], body, properties, mandatory=True
        )
        channel.basic_ack(method.delivery_tag)
        print(f"put back: {properties.message_id} (was {death['reason']})")
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
