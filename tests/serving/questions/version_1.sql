BEGIN TRANSACTION;
CREATE TABLE fsl_nlp_dismissed (
	bot TEXT NOT NULL, 
	text_key VARCHAR(32) NOT NULL, 
	time DATETIME NOT NULL, 
	PRIMARY KEY (bot, text_key)
);
INSERT INTO "fsl_nlp_dismissed" VALUES('shop','2cf24dba5fb0a30e26e83b2ac5b9e29e','2026-11-28 12:02:00.000000');
CREATE TABLE fsl_nlp_feedback (
	question VARCHAR(32) NOT NULL, 
	time DATETIME NOT NULL, 
	label TEXT, 
	comment TEXT NOT NULL, 
	PRIMARY KEY (question)
);
INSERT INTO "fsl_nlp_feedback" VALUES('11111111111111111111111111111111','2026-11-28 12:01:00.000000','return','wrong!');
INSERT INTO "fsl_nlp_feedback" VALUES('22222222222222222222222222222222','2026-11-28 12:01:00.000000',NULL,'');
CREATE TABLE fsl_nlp_questions (
	id VARCHAR(32) NOT NULL, 
	time DATETIME NOT NULL, 
	bot TEXT NOT NULL, 
	model_version TEXT NOT NULL, 
	text TEXT NOT NULL, 
	text_b TEXT, 
	text_key VARCHAR(32) NOT NULL, 
	label TEXT, 
	reason TEXT NOT NULL, 
	confidence FLOAT NOT NULL, 
	in_scope FLOAT, 
	alternatives JSON NOT NULL, 
	request TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "fsl_nlp_questions" VALUES('11111111111111111111111111111111','2026-11-28 12:00:00.000000','shop','2.abc','where is my parcel',NULL,'59abaaffaef4719128dea3de26357384','track','ok',0.9,0.97,'[["refund", 0.05], [3, 0.01]]','r-1');
INSERT INTO "fsl_nlp_questions" VALUES('22222222222222222222222222222222','2026-11-28 12:00:01.000000','shop','2.abc','取消订单',NULL,'0428aab4b4448b731c42104878cab7bf',NULL,'out_of_scope',0.2,0.03,'[]','');
INSERT INTO "fsl_nlp_questions" VALUES('33333333333333333333333333333333','2026-11-28 12:00:02.000000','shop','','hello',NULL,'2cf24dba5fb0a30e26e83b2ac5b9e29e',NULL,'ambiguous',0.4,NULL,'[]','');
INSERT INTO "fsl_nlp_questions" VALUES('44444444444444444444444444444444','2026-11-28 12:00:03.000000','pairs','','one','two','21066d108d5319ecb5a1fc4454f42ef2','3','ok',0.4,NULL,'[]','');
CREATE TABLE fsl_nlp_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT fsl_nlp_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "fsl_nlp_version" VALUES('1');
CREATE INDEX ix_fsl_nlp_questions_time ON fsl_nlp_questions (time);
CREATE INDEX fsl_nlp_questions_of_bot ON fsl_nlp_questions (bot, time);
CREATE INDEX fsl_nlp_questions_text ON fsl_nlp_questions (text_key);
COMMIT;
