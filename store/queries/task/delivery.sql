-- One message with what is needed to send it.
SELECT delivery.id, webhook.url, webhook.secret, delivery.webhook_id, delivery.kind, delivery.body, delivery.attempts
FROM   delivery
JOIN   webhook ON webhook.id = delivery.webhook_id AND webhook.tenant_id = delivery.tenant_id
WHERE  delivery.tenant_id = $1 AND delivery.id = $2
