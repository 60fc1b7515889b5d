create table products (name text primary key, price real not null);
insert into products values ('apples', 1.5), ('bread', 3.2), ('cheese', 7.85), ('tea', 4);
create table orders (user text not null, name text not null, count integer not null);
insert into orders values ('anna', 'bread', 2), ('anna', 'tea', 1), ('bert', 'cheese', 3);
