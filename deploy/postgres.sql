-- Run once, when the database server is first set up: the gateway owns one database, no more.
\getenv password GATEWAY_DATABASE_PASSWORD
CREATE ROLE gateway LOGIN PASSWORD :'password';
CREATE DATABASE gateway OWNER gateway;
REVOKE CONNECT ON DATABASE postgres, gateway FROM PUBLIC;
