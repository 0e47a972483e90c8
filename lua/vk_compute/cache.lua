--- Caches of diversity sequences, nearest neighbours and their similarities on disk: durable, resumable, verifiable.
--
-- This module and its parts own the format. Commands compute, verify, read and export through it; for names, kinds and
-- texts of messages they use its parts. The files of a cache are in @{vk_compute.cache.layout}.
-- @module vk_compute.cache

local export = require("vk_compute.cache.export")

return {
  --- Computes a cache: see @{vk_compute.cache.writer}.
  compute = require("vk_compute.cache.writer").run,
  --- Tells whether one can be put at a path, before the embeddings are read: see @{vk_compute.cache.survey}.
  check_path = require("vk_compute.cache.survey").check_path,
  --- Joins shards into one: see @{vk_compute.cache.merge}.
  merge = require("vk_compute.cache.merge").run,
  --- Verifies one: see @{vk_compute.cache.verify}.
  verify = require("vk_compute.cache.verify").run,
  --- Tells how one stands: see @{vk_compute.cache.status}.
  status = require("vk_compute.cache.status").read,
  --- Opens one for reading: see @{vk_compute.cache.reader}.
  load = require("vk_compute.cache.reader").load,
  --- Write a finished one in another form: see @{vk_compute.cache.export}.
  export_json = export.json,
  export_binary = export.binary,
}
